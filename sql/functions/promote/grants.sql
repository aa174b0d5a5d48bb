-- Promotion: the operator runs it, over all namespaces; analysts ask what is in its way.
grant select on memory_data.promotion_rule, memory_data.route to memory_app, memory_operator;
grant select, insert, delete on memory_data.promotion_run to memory_operator;
grant select on memory.promotions to memory_operator, memory_analyst;
grant execute on function
    memory._carry_out_verdicts, memory._context_relevance, memory._criterion_bit, memory._judge_layer,
    memory._judge_records, memory._measure_criteria, memory._move_to_next_layer, memory._promotable,
    memory._promotion_rules, memory._promotion_scores, memory._settle_usage
    to memory_app, memory_operator;
grant execute on function memory.blocking_criteria, memory.promote to memory_operator;
grant execute on function memory.blocking_criteria to memory_analyst;
