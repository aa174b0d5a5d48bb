-- Training: over all namespaces, so the operator's; the service reads scores to rank by.
grant select, insert, update, delete on memory_data.score to memory_app, memory_operator;
grant select on memory_data.model to memory_app, memory_operator;
grant insert, update on memory_data.model to memory_operator;
grant select on memory.models to memory_operator, memory_analyst;
grant execute on function
    memory._check_model, memory._check_training, memory._features, memory._novelty, memory._query_similarity,
    memory._records_as_of
    to memory_app, memory_operator;
grant execute on function
    memory.activate_model, memory.find_model, memory.lock_training, memory.schedule_training,
    memory.scoring_rows, memory.store_model, memory.training_rows, memory.write_scores
    to memory_operator;
