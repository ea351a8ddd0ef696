// Heterodyne: facts on the processor and memory of this machine.
// SPDX-License-Identifier: Apache-2.0

import CHostKernels

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Facts on the processor and memory of this machine, read from the kernel's files.
public enum HostMachine {
    /// Threads that this process may use at the same time: the processors of its affinity mask, limited by the control
    /// group's quota (rounded up) and by the environment variable `HETERODYNE_THREADS`. Found once.
    public static let threads: Int = {
        var count = affinityCount ?? max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        if let quota = groupQuota { count = min(count, quota) }
        if let text = environment("HETERODYNE_THREADS"), let limit = Int(text), limit > 0 { count = min(count, limit) }
        return min(max(1, count), 256)
    }()

    /// The processors that the process may run on.
    private static var affinityCount: Int? {
        for line in (contents("/proc/self/status") ?? "").split(separator: "\n")
        where line.hasPrefix("Cpus_allowed:") {
            let count = line.dropFirst("Cpus_allowed:".count).reduce(0) {
                $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0)
            }
            return count > 0 ? count : nil
        }
        return nil
    }

    /// The processors' worth of time that the control group grants (version 2, then version 1), rounded up.
    private static var groupQuota: Int? {
        if let text = contents("/sys/fs/cgroup/cpu.max") {
            let fields = text.split(whereSeparator: \.isWhitespace)
            guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]), period > 0 else {
                return nil
            }
            return max(1, quota / period + (quota % period > 0 ? 1 : 0))
        }
        guard let quotaText = contents("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
            let periodText = contents("/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
            let quota = Int(quotaText.filter { !$0.isWhitespace }), quota > 0,
            let period = Int(periodText.filter { !$0.isWhitespace }), period > 0
        else { return nil }
        return max(1, quota / period + (quota % period > 0 ? 1 : 0))
    }

    /// The processor's model as the kernel names it, for instance `AMD EPYC`, and its vendor.
    public static var processor: (name: String, vendor: String) {
        guard let text = contents("/proc/cpuinfo", limit: 16384) else { return ("CPU", "unknown") }
        var fields: [Substring: Substring] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let key = line[..<colon].drop(while: \.isWhitespace)
            let name = key.prefix(upTo: key.lastIndex { !$0.isWhitespace }.map(key.index(after:)) ?? key.endIndex)
            if fields[name] == nil { fields[name] = line[line.index(after: colon)...].drop(while: \.isWhitespace) }
        }
        let name = fields["model name"] ?? fields["Model"] ?? fields["CPU part"] ?? "CPU"
        return (String(name), String(fields["vendor_id"] ?? fields["CPU implementer"] ?? "unknown"))
    }

    /// Total and available bytes of memory.
    public static var memory: (total: Int, available: Int?) {
        var total = 0
        var available: Int?
        for line in (contents("/proc/meminfo") ?? "").split(separator: "\n") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count >= 2, let kibibytes = Int(fields[1]), kibibytes < Int.max >> 10 else { continue }
            if fields[0] == "MemTotal:" { total = kibibytes << 10 }
            if fields[0] == "MemAvailable:" { available = kibibytes << 10 }
        }
        return (total, available)
    }

    /// The instruction set that the kernels use.
    public static var kernelLevel: String {
        switch hk_cpu_level() {
        case 2: "AVX-512"
        case 1: "AVX2"
        default: "baseline"
        }
    }

    /// The instruction set that the kernels use: 0 baseline, 1 AVX2 with FMA, 2 AVX-512.
    public static var level: Int { Int(hk_cpu_level()) }

    /// The best instruction set of the processor: 0 baseline, 1 AVX2 with FMA, 2 AVX-512.
    public static var supportedLevel: Int { Int(hk_cpu_level_supported()) }

    /// Whether the processor multiplies bfloat16 (AVX512_BF16), by the kernel's list of flags.
    public static var hasBFloat16Products: Bool {
        (contents("/proc/cpuinfo", limit: 16384) ?? "").contains(" avx512_bf16")
    }

    static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The first `limit` bytes of a small file, or nil.
    static func contents(_ path: String, limit: Int = 8192) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: limit)
        var length = 0
        while length < limit {
            let read = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress.map { $0 + length }, limit - length)
            }
            if read <= 0 { break }
            length += read
        }
        return String(decoding: bytes[..<length], as: UTF8.self)
    }
}
