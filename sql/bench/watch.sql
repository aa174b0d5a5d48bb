-- What the watching jobs do once a minute, and the check of recall once in ten.
select
    (select count(*) from memory.sample_kpis()) as kpis,
    (select count(*) from memory.check_alerts()) as alerts,
    (select count(*) from memory.sample_recall() where %(recall)s::boolean) as searches
