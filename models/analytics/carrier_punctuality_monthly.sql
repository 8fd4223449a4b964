-- The columns and types are a contract (analytics.yml): the dashboard relies on them.
with flights as (
    select
        *,
        cast({{ dbt.date_trunc('month', 'flight_date') }} as date) as flight_month
    from {{ ref('int_flights_with_weather') }}
),

punctuality as (
    select
        carrier_code,
        flight_month,
        count(*) as flights,
        count(case when is_cancelled then 1 end) as cancelled_flights,
        count(case when is_diverted then 1 end) as diverted_flights,
        count(case when arrival_delay_minutes < {{ var('late_after_minutes') }} then 1 end) as on_time_flights,
        -- A flight that never arrived was not on time.
        {{ share_of('arrival_delay_minutes < ' ~ var('late_after_minutes')) }} as on_time_share,
        {{ mean_of('arrival_delay_minutes') }} as mean_arrival_delay_minutes
    from flights
    group by carrier_code, flight_month
)

select
    punctuality.carrier_code,
    cast(airlines.carrier_name as varchar(64)) as carrier_name,
    punctuality.flight_month,
    punctuality.flights,
    punctuality.cancelled_flights,
    punctuality.diverted_flights,
    punctuality.on_time_flights,
    punctuality.on_time_share,
    punctuality.mean_arrival_delay_minutes
from punctuality
inner join {{ ref('stg_airlines') }} as airlines
    on punctuality.carrier_code = airlines.carrier_code
