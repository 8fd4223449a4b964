select
    ordered_on,
    count(*) as orders,
    {{ sum_if('amount', 'not is_refunded') }} as sales,
    {{ sum_if('amount', 'is_refunded') }} as refunds
from {{ ref('stg_orders') }}
group by ordered_on
