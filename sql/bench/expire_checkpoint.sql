-- Writes all to disk: freeing bytes that never got there costs next to nothing.
checkpoint
