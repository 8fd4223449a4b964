select
    drink,
    {{ sum_if('cups', 'not is_refunded') }} as cups,
    {{ sum_if('amount', 'not is_refunded') }} as sales
from {{ ref('stg_orders') }}
group by drink
