// Heterodyne: limits of an evaluation.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Limits of an evaluation: exceeding one is an error instead of a crash or a hang.
///
/// An evaluation also ends with `cancelled` when the task that runs it is cancelled.
public struct EvaluationOptions: Sendable, Hashable {
    /// The most iterations that one `while` may make; nil for any number.
    public var maximumIterations: Int?
    /// The most bytes that intermediate results may occupy together. Dense inputs and constants are not counted, splats
    /// are, as if they were dense.
    public var maximumBytes: Int

    /// Limits; the default is any number of iterations and as much memory as the machine has.
    public init(maximumIterations: Int? = nil, maximumBytes: Int = Self.physicalMemory) {
        self.maximumIterations = maximumIterations
        self.maximumBytes = maximumBytes
    }

    /// Bytes of memory of this machine.
    public static let physicalMemory: Int = {
        let (pages, size) = (sysconf(Int32(_SC_PHYS_PAGES)), sysconf(Int32(_SC_PAGESIZE)))
        let (bytes, overflow) = Int(pages).multipliedReportingOverflow(by: Int(size))
        return overflow || pages <= 0 || size <= 0 ? 1 << 32 : bytes
    }()
}
