-- The planes with which each carrier flew from New York, as the register has them now.
with flown as (
    select distinct carrier_code, tail_number
    from {{ ref('stg_flights') }}
    where tail_number is not null
        -- They report fleet numbers, which the register takes for other planes.
        and carrier_code not in ('AA', 'MQ')
),

planes as (
    select tail_number, built_year, seats
    from {{ ref('planes_snapshot') }}
    where dbt_valid_to is null
)

select
    flown.carrier_code,
    airlines.carrier_name,
    count(*) as planes,
    count(planes.tail_number) as registered_planes,
    {{ mean_of('2013 - planes.built_year') }} as mean_age_years,
    {{ mean_of('planes.seats') }} as mean_seats
from flown
inner join {{ ref('stg_airlines') }} as airlines
    on flown.carrier_code = airlines.carrier_code
left join planes
    on flown.tail_number = planes.tail_number
group by flown.carrier_code, airlines.carrier_name
