{{ config(
    materialized='incremental',
    unique_key=['flight_date', 'origin'],
    incremental_strategy='delete+insert',
    on_schema_change='append_new_columns'
) }}

-- The first run builds all days. Later runs read the last days again and replace
-- them by their key, so that running twice changes nothing.
select
    flight_date,
    origin,
    count(*) as flights,
    count(case when is_cancelled then 1 end) as cancelled_flights,
    {{ mean_of('departure_delay_minutes') }} as mean_departure_delay_minutes,
    max(departure_delay_minutes) as longest_departure_delay_minutes
from {{ ref('stg_flights') }}
{% if is_incremental() %}
    {%- set newest_day = "(select max(flight_date) from " ~ this ~ ")" %}
where flight_date > {{ dbt.dateadd('day', -var('reload_days'), newest_day) }}
{% endif %}
group by flight_date, origin
