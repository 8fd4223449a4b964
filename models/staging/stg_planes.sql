select
    tailnum as tail_number,
    {{ from_text('year', 'integer') }} as built_year,
    {{ from_text('type') }} as plane_type,
    {{ from_text('manufacturer') }} as manufacturer,
    {{ from_text('model') }} as model,
    {{ from_text('engines', 'integer') }} as engines,
    {{ from_text('seats', 'integer') }} as seats
from {{ source('raw', 'planes') }}
