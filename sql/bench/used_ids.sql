-- Records to touch, any.
select u.namespace, u.id from memory_data.usage as u limit %(limit)s
