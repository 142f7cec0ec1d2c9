//! The calls into C that whisper-rs has no safe form of. All `unsafe` of the program stands here.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use tracing::debug;
use whisper_rs::whisper_rs_sys as sys;
use whisper_rs::{FullParams, WhisperError, WhisperState};

/// Observes one transcription: stops it, keeps it to one window, and notes the tokens of every decoder.
pub(super) struct Watcher<'a> {
    abort: &'a AtomicBool,
    windows: AtomicU32,
    sequences: Mutex<Vec<Vec<i32>>>,
    /// A callback panicked: the transcription is to end.
    broken: AtomicBool,
}

impl<'a> Watcher<'a> {
    pub(super) fn new(abort: &'a AtomicBool) -> Self {
        Self {
            abort,
            windows: AtomicU32::new(0),
            sequences: Mutex::default(),
            broken: AtomicBool::new(false),
        }
    }

    /// What each decoder had written each time that it was to choose a token.
    pub(super) fn into_sequences(self) -> Vec<Vec<i32>> {
        self.sequences.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn stopped(&self) -> bool {
        self.abort.load(Ordering::Relaxed) || self.broken.load(Ordering::Relaxed)
    }

    /// Keeps a panic from unwinding into C, which would end the process.
    fn guarded(&self, work: impl FnOnce(&Self)) {
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            self.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// Transcribes the first window of `samples`, observed by `watcher`. The error is whisper.cpp's own code; it frees
/// the state itself when that is -7.
///
/// # Blocking
/// For as long as the transcription takes.
pub(super) fn full(
    state: &mut WhisperState,
    mut params: FullParams<'_, '_>,
    samples: &[f32],
    watcher: &Watcher<'_>,
) -> Result<(), i32> {
    let data = std::ptr::from_ref(watcher).cast_mut().cast::<c_void>();
    // SAFETY: every callback below casts its data back to the `Watcher` that `data` points to. That
    // one is borrowed until this function returns, and `params`, the only thing that keeps the
    // pointer, is consumed by the call. Callbacks come from several threads: a `Watcher` is `Sync`
    // (atomics and a mutex), and they only take it by `&`.
    unsafe {
        params.set_abort_callback(Some(on_abort));
        params.set_abort_callback_user_data(data);
        params.set_start_encoder_callback(Some(on_window));
        params.set_start_encoder_callback_user_data(data);
        params.set_filter_logits_callback(Some(on_logits));
        params.set_filter_logits_callback_user_data(data);
    }
    state.full(params, samples).map_err(|error| match error {
        WhisperError::GenericError(code) => code,
        WhisperError::UnableToCalculateSpectrogram => -1,
        _ => i32::MIN,
    })
}

/// # Safety
/// `data` must come from [`full`] and its watcher still be borrowed there.
unsafe fn watcher<'a>(data: *mut c_void) -> &'a Watcher<'a> {
    // SAFETY: the caller's promise.
    unsafe { &*data.cast::<Watcher<'a>>() }
}

unsafe extern "C" fn on_abort(data: *mut c_void) -> bool {
    // SAFETY: called by whisper.cpp inside `full`, with the data given there.
    unsafe { watcher(data) }.stopped()
}

/// Returns whether to continue: for one window. On `false` whisper.cpp keeps what it has.
unsafe extern "C" fn on_window(
    _: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    data: *mut c_void,
) -> bool {
    // SAFETY: called by whisper.cpp inside `full`, with the data given there.
    unsafe { watcher(data) }.windows.fetch_add(1, Ordering::Relaxed) == 0
}

unsafe extern "C" fn on_logits(
    _: *mut sys::whisper_context,
    _: *mut sys::whisper_state,
    tokens: *const sys::whisper_token_data,
    count: c_int,
    _: *mut f32,
    data: *mut c_void,
) {
    let count = count.max(0).unsigned_abs() as usize;
    if tokens.is_null() || count == 0 {
        return;
    }
    // SAFETY: whisper.cpp passes a decoder's tokens, `count` of them, and changes them only after
    // this returns. The logits are left alone.
    let tokens = unsafe { slice::from_raw_parts(tokens, count) };
    // SAFETY: called by whisper.cpp inside `full`, with the data given there.
    unsafe { watcher(data) }.guarded(|watcher| {
        let sequence = tokens.iter().map(|token| token.id).collect();
        watcher.sequences.lock().unwrap_or_else(PoisonError::into_inner).push(sequence);
    });
}

/// A device that ggml can compute on.
#[derive(Debug)]
pub(super) struct GgmlDevice {
    pub gpu: bool,
    /// "CPU", "CUDA0", "Vulkan1" and so on.
    pub name: String,
    pub description: String,
    /// Of a GPU whose driver reports it.
    pub free_bytes: Option<u64>,
}

/// Every device that ggml finds, in its order. Starts GPU drivers: not for the service's process.
pub(super) fn devices() -> Vec<GgmlDevice> {
    // SAFETY: the registry is built on first use under a lock of its own; devices live as long as
    // the process, and every index below the count is valid.
    unsafe {
        (0..sys::ggml_backend_dev_count())
            .map(|index| {
                let device = sys::ggml_backend_dev_get(index);
                let kind = sys::ggml_backend_dev_type(device);
                let gpu = kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_GPU
                    || kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_IGPU;
                let (mut free, mut total) = (0, 0);
                if gpu {
                    sys::ggml_backend_dev_memory(device, &raw mut free, &raw mut total);
                }
                GgmlDevice {
                    gpu,
                    free_bytes: (free > 0).then_some(free as u64),
                    name: text(sys::ggml_backend_dev_name(device)),
                    description: text(sys::ggml_backend_dev_description(device)),
                }
            })
            .collect()
    }
}

/// # Safety
/// `text` must be null or point to a string that ends with a zero byte.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, so the caller's promise holds.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().trim().to_owned()
}

static ECHO_TROUBLE: AtomicBool = AtomicBool::new(false);

/// Sends what whisper.cpp and ggml log to `tracing`, at debug level. Once; later calls do nothing.
pub(in crate::engine) fn install_log_hooks() {
    static ONCE: Once = Once::new();
    // SAFETY: the hook is a plain function and needs no data; both setters only store it. Nothing
    // else in this process sets log hooks.
    ONCE.call_once(|| unsafe {
        sys::whisper_log_set(Some(on_log), std::ptr::null_mut());
        sys::ggml_log_set(Some(on_log), std::ptr::null_mut());
    });
}

/// From now on warnings and errors go to stderr as well, where the parent process reads them.
pub(in crate::engine) fn echo_trouble_to_stderr() {
    ECHO_TROUBLE.store(true, Ordering::Relaxed);
}

unsafe extern "C" fn on_log(level: sys::ggml_log_level, message: *const c_char, _: *mut c_void) {
    // Debug messages quote prompts.
    if level == sys::ggml_log_level_GGML_LOG_LEVEL_DEBUG {
        return;
    }
    drop(catch_unwind(|| {
        // SAFETY: whisper.cpp and ggml pass strings that they formatted themselves.
        let message = unsafe { text(message) };
        if message.is_empty() {
            return;
        }
        let trouble = level == sys::ggml_log_level_GGML_LOG_LEVEL_WARN
            || level == sys::ggml_log_level_GGML_LOG_LEVEL_ERROR;
        if trouble && ECHO_TROUBLE.load(Ordering::Relaxed) {
            eprintln!("{message}");
        }
        debug!(target: "whisper.cpp", "{message}");
    }));
}

/// Ends the process at once, in the middle of whatever its other threads do: no destructor of a
/// library runs while a graph is being computed.
pub(in crate::engine) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes any number and does not return.
    unsafe { libc::_exit(code) }
}

/// From now on all threads of this process share one heap, which [`give_back_freed_memory`] can give
/// back; what other heaps hold at their ends it cannot. For the start, before there are threads.
pub(in crate::engine) fn share_one_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer; sets a number in glibc's allocator.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// From now on memory that is freed stays with the process until [`give_back_freed_memory`], large blocks too. The kernel
/// clears every page that it gives out, and CTranslate2 allocates and frees some hundred megabytes in each layer.
pub(in crate::engine) fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer; sets numbers in glibc's allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_MAX, 0);
        libc::mallopt(libc::M_TRIM_THRESHOLD, -1);
    }
}

/// Gives memory that was freed back to the system, where the allocator would keep it.
///
/// # Blocking
/// A few milliseconds.
pub(in crate::engine) fn give_back_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes no pointer; glibc locks its own arenas.
    unsafe {
        libc::malloc_trim(0);
    }
}
