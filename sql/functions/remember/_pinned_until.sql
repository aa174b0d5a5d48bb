-- When a pinned memory expires as far as its row says: while at least half of its layer's life is left
-- that stays as it is, otherwise it is a whole life from now. memory.renew_pinned sees to it every
-- minute, and whatever writes a pinned row at once, so that none is over before that.
create or replace function memory._pinned_until(p_expires_at timestamptz, p_ttl interval, p_now timestamptz)
returns timestamptz
language sql
immutable
parallel safe
as $function$
select case when p_expires_at < coalesce(p_now + p_ttl / 2, 'infinity')
            then coalesce(p_now + p_ttl, 'infinity') else p_expires_at end
$function$;

comment on function memory._pinned_until is
'When a pinned memory of a layer expires next: at least half of the layer''s life is left.';
