//! The shared library of DuckDB, loaded when the first database is opened.
//!
//! Linked in the usual way, its 60 MB are mapped and relocated before `main` begins: two thirds of
//! the time that `tform --version` takes, for commands that never ask DuckDB anything. So every
//! function that the `duckdb` crate calls is defined here, as a jump to where [`load`] found it.
//! One that is missing from the list is named by the linker if `libduckdb.so` comes from a wheel
//! (`tests/tools/fetch_duckdb.sh`), else taken from the library, which is loaded at the start again:
//! the tests say so. Builds that compile DuckDB in (`bundled`), and other systems than Linux, link
//! as usual.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

const NAME: &CStr = c"libduckdb.so";

unsafe extern "C" {
    fn dlopen(file: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, symbol: *const c_char) -> *mut c_void;
    fn dlerror() -> *const c_char;
}

/// `RTLD_LAZY`, as glibc and musl have it.
const LAZY: c_int = 1;

/// Loads the library, once.
///
/// # Errors
/// It is not there, or lacks a function; in the words of the system's loader.
pub fn load() -> Result<(), String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(find_all).clone()
}

fn find_all() -> Result<(), String> {
    // SAFETY: the names end with a zero byte, and loading DuckDB runs nothing but its initialisers.
    let library = unsafe { dlopen(NAME.as_ptr(), LAZY) };
    if library.is_null() {
        return Err(last_error());
    }
    for (name, _, slot) in FUNCTIONS {
        // SAFETY: the library is open, and stays so.
        let found = unsafe { dlsym(library, name.as_ptr()) };
        if found.is_null() {
            return Err(last_error());
        }
        slot.store(found, Ordering::Release);
    }
    Ok(())
}

fn last_error() -> String {
    // SAFETY: the text, if there is one, stays until this thread asks the loader again.
    let text = unsafe { dlerror().as_ref().map(|text| CStr::from_ptr(text)) };
    text.map_or_else(|| "no reason is known".to_owned(), |text| text.to_string_lossy().into_owned())
}

/// A name, the jump of that name, and where it goes.
type Function = (&'static CStr, unsafe extern "C" fn(), &'static AtomicPtr<c_void>);

macro_rules! functions {
    ($($name:ident,)*) => {
        /// Where each function is; nowhere before [`load`].
        #[expect(non_upper_case_globals, reason = "they are named for the functions")]
        mod slots {
            use std::ffi::c_void;
            use std::ptr::null_mut;
            use std::sync::atomic::AtomicPtr;
            $(pub static $name: AtomicPtr<c_void> = AtomicPtr::new(null_mut());)*
        }
        $(
            /// Jumps to the library's function: arguments and result pass as they are.
            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name() {
                #[cfg(target_arch = "x86_64")]
                std::arch::naked_asm!("jmp qword ptr [rip + {slot}]", slot = sym slots::$name);
                #[cfg(target_arch = "aarch64")]
                std::arch::naked_asm!(
                    "adrp x16, {slot}",
                    "ldr x16, [x16, :lo12:{slot}]",
                    "br x16",
                    slot = sym slots::$name
                );
            }
        )*
        static FUNCTIONS: &[Function] = &[
            $((
                match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                    Ok(name) => name,
                    Err(_) => NAME,
                },
                $name,
                &slots::$name,
            ),)*
        ];
    };
}

functions! {
    duckdb_append_blob,
    duckdb_append_bool,
    duckdb_append_date,
    duckdb_append_double,
    duckdb_append_float,
    duckdb_append_hugeint,
    duckdb_append_int16,
    duckdb_append_int32,
    duckdb_append_int64,
    duckdb_append_int8,
    duckdb_append_interval,
    duckdb_append_null,
    duckdb_append_time,
    duckdb_append_timestamp,
    duckdb_append_uhugeint,
    duckdb_append_uint16,
    duckdb_append_uint32,
    duckdb_append_uint64,
    duckdb_append_uint8,
    duckdb_append_value,
    duckdb_append_varchar_length,
    duckdb_appender_add_column,
    duckdb_appender_create_ext,
    duckdb_appender_destroy,
    duckdb_appender_end_row,
    duckdb_appender_error,
    duckdb_appender_flush,
    duckdb_array_type_array_size,
    duckdb_array_type_child_type,
    duckdb_array_vector_get_child,
    duckdb_bind_blob,
    duckdb_bind_boolean,
    duckdb_bind_date,
    duckdb_bind_decimal,
    duckdb_bind_double,
    duckdb_bind_float,
    duckdb_bind_hugeint,
    duckdb_bind_int16,
    duckdb_bind_int32,
    duckdb_bind_int64,
    duckdb_bind_int8,
    duckdb_bind_interval,
    duckdb_bind_null,
    duckdb_bind_time,
    duckdb_bind_timestamp,
    duckdb_bind_uhugeint,
    duckdb_bind_uint16,
    duckdb_bind_uint32,
    duckdb_bind_uint64,
    duckdb_bind_uint8,
    duckdb_bind_value,
    duckdb_bind_varchar_length,
    duckdb_clear_bindings,
    duckdb_close,
    duckdb_column_count,
    duckdb_column_logical_type,
    duckdb_column_name,
    duckdb_connect,
    duckdb_create_array_type,
    duckdb_create_array_value,
    duckdb_create_blob,
    duckdb_create_bool,
    duckdb_create_config,
    duckdb_create_data_chunk,
    duckdb_create_date,
    duckdb_create_decimal,
    duckdb_create_decimal_type,
    duckdb_create_double,
    duckdb_create_float,
    duckdb_create_hugeint,
    duckdb_create_int16,
    duckdb_create_int32,
    duckdb_create_int64,
    duckdb_create_int8,
    duckdb_create_interval,
    duckdb_create_list_type,
    duckdb_create_list_value,
    duckdb_create_logical_type,
    duckdb_create_map_type,
    duckdb_create_map_value,
    duckdb_create_null_value,
    duckdb_create_struct_type,
    duckdb_create_struct_value,
    duckdb_create_time,
    duckdb_create_timestamp,
    duckdb_create_uhugeint,
    duckdb_create_uint16,
    duckdb_create_uint32,
    duckdb_create_uint64,
    duckdb_create_uint8,
    duckdb_create_union_type,
    duckdb_create_varchar_length,
    duckdb_data_chunk_get_column_count,
    duckdb_data_chunk_get_size,
    duckdb_data_chunk_get_vector,
    duckdb_data_chunk_set_size,
    duckdb_data_chunk_to_arrow,
    duckdb_decimal_scale,
    duckdb_decimal_width,
    duckdb_destroy_arrow_options,
    duckdb_destroy_config,
    duckdb_destroy_data_chunk,
    duckdb_destroy_error_data,
    duckdb_destroy_extracted,
    duckdb_destroy_logical_type,
    duckdb_destroy_prepare,
    duckdb_destroy_result,
    duckdb_destroy_value,
    duckdb_disconnect,
    duckdb_error_data_error_type,
    duckdb_error_data_has_error,
    duckdb_error_data_message,
    duckdb_execute_prepared,
    duckdb_execute_prepared_streaming,
    duckdb_extract_statements,
    duckdb_extract_statements_error,
    duckdb_fetch_chunk,
    duckdb_free,
    duckdb_geometry_type_get_crs,
    duckdb_get_map_key,
    duckdb_get_map_size,
    duckdb_get_map_value,
    duckdb_get_profiling_info,
    duckdb_get_type_id,
    duckdb_get_varchar,
    duckdb_interrupt,
    duckdb_library_version,
    duckdb_list_type_child_type,
    duckdb_list_vector_get_child,
    duckdb_list_vector_get_size,
    duckdb_list_vector_reserve,
    duckdb_list_vector_set_size,
    duckdb_logical_type_get_alias,
    duckdb_logical_type_set_alias,
    duckdb_map_type_key_type,
    duckdb_map_type_value_type,
    duckdb_nparams,
    duckdb_open_ext,
    duckdb_parameter_name,
    duckdb_prepare_error,
    duckdb_prepare_extracted_statement,
    duckdb_prepared_statement_column_count,
    duckdb_prepared_statement_column_logical_type,
    duckdb_prepared_statement_type,
    duckdb_profiling_info_get_child,
    duckdb_profiling_info_get_child_count,
    duckdb_profiling_info_get_metrics,
    duckdb_query,
    duckdb_query_progress,
    duckdb_result_error,
    duckdb_result_get_arrow_options,
    duckdb_row_count,
    duckdb_rows_changed,
    duckdb_set_config,
    duckdb_string_t_data,
    duckdb_string_t_length,
    duckdb_struct_type_child_count,
    duckdb_struct_type_child_name,
    duckdb_struct_type_child_type,
    duckdb_struct_vector_get_child,
    duckdb_to_arrow_schema,
    duckdb_union_type_member_count,
    duckdb_union_type_member_name,
    duckdb_union_type_member_type,
    duckdb_validity_row_is_valid,
    duckdb_validity_set_row_invalid,
    duckdb_vector_assign_string_element,
    duckdb_vector_assign_string_element_len,
    duckdb_vector_ensure_validity_writable,
    duckdb_vector_get_column_type,
    duckdb_vector_get_data,
    duckdb_vector_get_validity,
    duckdb_vector_size,
}
