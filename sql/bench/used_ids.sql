-- Records to touch; they lie all over the table, for usage rows come about in another order.
select u.namespace, u.id from memory_data.usage as u
order by u.id
limit %(limit)s
