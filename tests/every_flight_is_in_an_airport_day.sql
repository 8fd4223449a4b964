-- A singular test: one query for one rule, failing if it returns rows. An incremental
-- table can drift from what it was built from; this finds the days on which it did.
with flights as (
    select flight_date, origin, count(*) as flights
    from {{ ref('stg_flights') }}
    group by flight_date, origin
)

select
    flights.flight_date,
    flights.origin,
    flights.flights as flights_expected,
    airport_days.flights as flights_found
from flights
left join {{ ref('airport_days') }} as airport_days
    on flights.flight_date = airport_days.flight_date
    and flights.origin = airport_days.origin
where airport_days.flights is null
    or airport_days.flights <> flights.flights
