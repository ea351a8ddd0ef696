// Heterodyne: loads libopenblas at run time, with the kernels that suit the processor.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneHostKernels
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// libopenblas, loaded at run time. Never unloaded: its kernels may be running.
struct OpenBLASLibrary: Sendable {
    /// The matrix products.
    let blas: HostBLAS
    /// What the library says of itself, for instance `OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Cooperlake MAX_THREADS=64`.
    let configuration: String
    /// The kernels in use, for instance `SkylakeX`.
    let core: String
    /// The name under which it was loaded.
    let name: String

    /// The version number in `configuration`.
    var version: String {
        let words = configuration.split(separator: " ")
        return words.count > 1 && words[0] == "OpenBLAS" ? String(words[1]) : configuration
    }

    /// Whether the library's kernels use a narrower instruction set than the host kernels, as they do where the library
    /// does not know the processor or the user chose other kernels.
    var isNarrowerThanHost: Bool {
        #if arch(x86_64)
        let level =
            switch core.lowercased() {
            case "skylakex", "cooperlake", "sapphirerapids": 2
            case "haswell", "zen", "excavator": 1
            default: 0
            }
        return level < HostMachine.level
        #else
        return false
        #endif
    }

    /// The names that are tried, in order, unless the environment variable `HETERODYNE_OPENBLAS_LIBRARY` gives one.
    static var names: [String] {
        if let name = environment("HETERODYNE_OPENBLAS_LIBRARY"), !name.isEmpty { return [name] }
        return ["libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0"]
    }

    /// What a person can do where the library is missing.
    static let remedy =
        "install OpenBLAS (Debian and Ubuntu: apt-get install libopenblas0-pthread; Fedora: dnf install openblas-threads),"
        + " or name the library in HETERODYNE_OPENBLAS_LIBRARY"

    private static let loaded = Mutex<[[String]: Result<OpenBLASLibrary, BackendError>]>([:])

    /// The library under the first of `names` that can be loaded; found once per list of names. Throws
    /// `libraryUnavailable` with what the loader said about each.
    static func load(_ names: [String]) throws(BackendError) -> OpenBLASLibrary {
        let result = loaded.withLock { known in
            if let result = known[names] { return result }
            let result: Result<OpenBLASLibrary, BackendError>
            do throws(BackendError) { result = .success(try open(names)) } catch { result = .failure(error) }
            known[names] = result
            return result
        }
        return try result.get()
    }

    private static func open(_ names: [String]) throws(BackendError) -> OpenBLASLibrary {
        // Both variables are read while the library loads. Debian's version does not know recent processors and would
        // take kernels for SSE3, and it would start threads of its own; the pool of the host kernels does that here.
        var temporary: [String] = []
        if environment("OPENBLAS_CORETYPE") == nil, let core = preferredCore {
            setenv("OPENBLAS_CORETYPE", core, 1)
            temporary.append("OPENBLAS_CORETYPE")
        }
        if environment("OPENBLAS_NUM_THREADS") == nil {
            setenv("OPENBLAS_NUM_THREADS", "1", 1)
            temporary.append("OPENBLAS_NUM_THREADS")
        }
        defer { for name in temporary { unsetenv(name) } }
        var failures: [String] = []
        for name in names {
            guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
                failures.append(dlerror().map { String(cString: $0) } ?? "\(name) cannot be loaded")
                continue
            }
            do throws(BackendError) { return try bind(handle, name) } catch {
                dlclose(handle)
                failures.append(error.message)
            }
        }
        throw BackendError(.libraryUnavailable, failures.joined(separator: "; "), device: OpenBLASBackend.deviceID)
    }

    private static func bind(_ handle: UnsafeMutableRawPointer, _ name: String) throws(BackendError) -> OpenBLASLibrary
    {
        func symbol(_ function: String) throws(BackendError) -> UnsafeMutableRawPointer {
            guard let address = dlsym(handle, function) else {
                throw BackendError(.libraryUnavailable, "\(name) has no function \(function)")
            }
            return address
        }
        typealias Text = @convention(c) () -> UnsafePointer<CChar>?
        let configuration = unsafeBitCast(try symbol("openblas_get_config"), to: Text.self)().map {
            String(cString: $0)
        }
        let core = unsafeBitCast(try symbol("openblas_get_corename"), to: Text.self)().map { String(cString: $0) }
        let described = configuration ?? "OpenBLAS"
        guard !described.contains("USE64BITINT") else {
            throw BackendError(
                .libraryUnavailable, "\(name) takes 64-bit integers; the variant with 32-bit integers is needed")
        }
        let parallel = unsafeBitCast(try symbol("openblas_get_parallel"), to: (@convention(c) () -> Int32).self)()
        guard parallel != 0 else {
            throw BackendError(
                .libraryUnavailable, "\(name) is a serial build, which must not be called from several threads")
        }
        unsafeBitCast(try symbol("openblas_set_num_threads"), to: (@convention(c) (Int32) -> Void).self)(1)
        let blas = HostBLAS(
            sgemm: unsafeBitCast(try symbol("cblas_sgemm"), to: HostBLAS.SGEMM.self),
            dgemm: unsafeBitCast(try symbol("cblas_dgemm"), to: HostBLAS.DGEMM.self))
        return OpenBLASLibrary(blas: blas, configuration: described, core: core ?? "unknown", name: name)
    }

    /// The kernels that suit this processor, by the name that `OPENBLAS_CORETYPE` takes; nil to leave it to the library.
    static var preferredCore: String? {
        #if arch(x86_64)
        switch HostMachine.supportedLevel {
        case 2: return HostMachine.hasBFloat16Products ? "Cooperlake" : "SkylakeX"
        case 1: return HostMachine.processor.vendor == "AuthenticAMD" ? "Zen" : "Haswell"
        default: return nil
        }
        #else
        return nil
        #endif
    }

    private static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
