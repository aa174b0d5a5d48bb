-- What the rewritten heap and its b-trees take.
select pg_total_relation_size('pg_temp.rewritten')
