"""Training of relevance: will a memory be used again within its horizon?

The way through: `samples` (rows of memory.training_rows as arrays, split by time) → `estimators`
(fit two kinds on the earliest slice, calibrate and choose on the next) → `combination` (the four
parts as one ML score) → `evaluation` (on the latest slice, with intervals, against the fixed
weighting and simpler scores) → `training` (store, activate when it is better) → `scoring` (write
back).
"""
