{{ config(materialized='ephemeral') }}

-- Ephemeral: a step that the marts share and nobody else should read. It becomes a
-- CTE in each of them.
select
    flights.flight_id,
    flights.flight_date,
    flights.carrier_code,
    flights.origin,
    flights.destination,
    flights.departure_delay_minutes,
    flights.arrival_delay_minutes,
    flights.is_cancelled,
    flights.is_diverted,
    -- The worst condition of the hour names it, so the order matters.
    case
        when weather.origin is null then 'unknown'
        when weather.precipitation_inches > 0 and weather.temperature_fahrenheit <= 32 then 'snow'
        when weather.precipitation_inches > 0 then 'rain'
        when weather.visibility_miles < 3 then 'fog'
        when weather.wind_speed_mph >= 20 then 'wind'
        else 'clear'
    end as weather_condition
from {{ ref('stg_flights') }} as flights
-- Left: a flight without weather still flew.
left join {{ ref('stg_weather') }} as weather
    on flights.origin = weather.origin
    and flights.scheduled_hour_at = weather.observed_at
