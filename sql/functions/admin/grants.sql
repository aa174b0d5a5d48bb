-- Keys and policy are the operator's, through the functions; the digest of the code is the owner's.
grant select, insert, update on memory_data.api_key to memory_operator;
grant update on memory_data.layer, memory_data.setting, memory_data.promotion_rule to memory_operator;
grant select on memory_data.code_state to memory_app, memory_operator;
grant execute on function
    memory.check_database, memory.code_digest, memory.find_key,
    memory._check_budgets, memory._job_conditions, memory._partition_conditions
    to memory_app, memory_operator;
grant execute on function
    memory.apply_policy, memory.create_key, memory.list_keys, memory.revoke_key
    to memory_operator;
