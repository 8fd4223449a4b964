select flight_id, departure_delay_minutes, arrival_delay_minutes
from {{ ref('stg_flights') }}
where is_cancelled
    and (departure_delay_minutes is not null or arrival_delay_minutes is not null)
