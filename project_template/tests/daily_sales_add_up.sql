-- Fails if it returns rows: both tables must come to the same sales.
select by_day.sales as sales_by_day, by_drink.sales as sales_by_drink
from (select sum(sales) as sales from {{ ref('daily_sales') }}) as by_day
cross join (select sum(sales) as sales from {{ ref('drink_sales') }}) as by_drink
where by_day.sales <> by_drink.sales
