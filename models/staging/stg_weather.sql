{{ config(materialized='table') }}

-- A table, as stg_flights: several models read it, and a view over a compressed
-- file would unpack it each time.
with weather as (
    {{ one_row_per(source('raw', 'weather'), keys=['origin', 'time_hour'], prefer='time_hour') }}
),

typed as (
    select
        origin,
        {{ from_text('time_hour', 'timestamp') }} as observed_at,
        {{ from_text('temp', 'numeric(8, 2)') }} as temperature_fahrenheit,
        {{ from_text('wind_speed', 'numeric(8, 2)') }} as wind_speed_mph,
        {{ from_text('precip', 'numeric(8, 2)') }} as precipitation_inches,
        {{ from_text('visib', 'numeric(8, 2)') }} as visibility_miles
    from weather
)

select
    origin,
    observed_at,
    temperature_fahrenheit,
    -- No wind ever measured on the ground was faster; one row says 1,048.
    case when wind_speed_mph <= 254 then wind_speed_mph end as wind_speed_mph,
    precipitation_inches,
    visibility_miles
from typed
