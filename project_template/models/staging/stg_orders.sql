-- One row per order. The till repeats an order when the line drops; `distinct` takes
-- the copies out.
select distinct
    order_id,
    ordered_on,
    branch,
    drink,
    cups,
    cups * unit_price as amount,
    status = 'refunded' as is_refunded
from {{ ref('raw_orders') }}
