-- Loads the files of this folder into the schema `raw_data` of PostgreSQL. Run it
-- with psql from the folder of dbt_project.yml; running it again replaces the rows.
\set ON_ERROR_STOP on
begin;

create schema if not exists raw_data;

create table if not exists raw_data.airlines (carrier text, name text);

create table if not exists raw_data.airports (
    faa text, name text, lat text, lon text, alt text, tz text, dst text, tzone text
);

create table if not exists raw_data.planes (
    tailnum text, year text, type text, manufacturer text, model text,
    engines text, seats text, speed text, engine text
);

create table if not exists raw_data.weather (
    origin text, year text, month text, day text, hour text, temp text, dewp text,
    humid text, wind_dir text, wind_speed text, wind_gust text, precip text,
    pressure text, visib text, time_hour text
);

create table if not exists raw_data.flights (
    year text, month text, day text, dep_time text, sched_dep_time text, dep_delay text,
    arr_time text, sched_arr_time text, arr_delay text, carrier text, flight text,
    tailnum text, origin text, dest text, air_time text, distance text,
    hour text, minute text, time_hour text
);

-- Emptied, not dropped: the staging views stand on these tables.
truncate raw_data.airlines, raw_data.airports, raw_data.planes, raw_data.weather, raw_data.flights;

\copy raw_data.airlines from 'data/airlines.csv' with (format csv, header)
\copy raw_data.airports from 'data/airports.csv' with (format csv, header)
\copy raw_data.planes from 'data/planes.csv' with (format csv, header)
\copy raw_data.weather from program 'gzip -dc data/weather.csv.gz' with (format csv, header)
\copy raw_data.flights from program 'gzip -dc data/flights.csv.gz' with (format csv, header)

commit;
