{{ config(materialized='table') }}

{% set flight_key = ['year', 'month', 'day', 'carrier', 'flight', 'origin'] %}

-- If a flight was loaded twice, the row that knows of its arrival is the later one.
with flights as (
    {{ one_row_per(
        source('raw', 'flights'),
        keys=flight_key,
        prefer="case when arr_time = 'NA' then 1 else 0 end"
    ) }}
)

select
    {{ surrogate_key(flight_key) }} as flight_id,
    {{ date_from_text('year', 'month', 'day') }} as flight_date,
    {{ from_text('time_hour', 'timestamp') }} as scheduled_hour_at,
    carrier as carrier_code,
    {{ from_text('flight', 'integer') }} as flight_number,
    {{ from_text('tailnum') }} as tail_number,
    origin,
    dest as destination,
    {{ from_text('dep_delay', 'integer') }} as departure_delay_minutes,
    {{ from_text('arr_delay', 'integer') }} as arrival_delay_minutes,
    {{ from_text('air_time', 'integer') }} as air_time_minutes,
    {{ from_text('distance', 'integer') }} as distance_miles,
    dep_time = 'NA' as is_cancelled,
    -- Left New York, but no arrival where it should have been.
    dep_time <> 'NA' and arr_delay = 'NA' as is_diverted
from flights
