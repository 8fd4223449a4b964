with flights as (
    select * from {{ ref('int_flights_with_weather') }}
),

delays as (
    select
        origin,
        destination,
        weather_condition,
        count(*) as flights,
        {{ mean_of('departure_delay_minutes') }} as mean_departure_delay_minutes,
        {{ share_of('departure_delay_minutes >= ' ~ var('late_after_minutes')) }} as late_share,
        {{ share_of('is_cancelled') }} as cancelled_share
    from flights
    group by origin, destination, weather_condition
)

select
    {{ surrogate_key(['delays.origin', 'delays.destination', 'delays.weather_condition']) }} as route_weather_id,
    delays.origin,
    delays.destination,
    airports.airport_name as destination_name,
    delays.weather_condition,
    conditions.name_ko as weather_name_ko,
    conditions.sort_order as weather_sort_order,
    delays.flights,
    delays.mean_departure_delay_minutes,
    delays.late_share,
    delays.cancelled_share
from delays
inner join {{ ref('stg_airports') }} as airports
    on delays.destination = airports.airport_code
inner join {{ ref('weather_conditions') }} as conditions
    on delays.weather_condition = conditions.condition
