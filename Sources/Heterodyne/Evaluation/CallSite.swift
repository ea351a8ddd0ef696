// Heterodyne: finds the caller's source line when an operator fails.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import Synchronization

#if canImport(Runtime)
import Runtime
#endif

/// Finds the caller's source line when an operator fails. Operators cannot take `#line` as a default argument, so the
/// call stack is looked at, which is slow and therefore done for mistakes only.
enum CallSite {
    /// The first frame outside this library whose source is known, or nil.
    static func current() -> SourceLocation? {
        #if canImport(Runtime)
        guard let backtrace = try? Backtrace.capture(limit: 64) else { return nil }
        // Reading debug information takes long in large programs; a mistake in a loop must not pay for it every time.
        let key = backtrace.frames.map { $0.adjustedProgramCounter.description }
        if let known = found.withLock({ $0[key] }) { return known }
        let location = look(in: backtrace)
        found.withLock { found in
            if found.count >= 1024 { found = [:] }
            found[key] = .some(location)
        }
        return location
        #else
        return nil
        #endif
    }

    #if canImport(Runtime)
    /// What was found, by the return addresses on the stack.
    private static let found = Mutex<[[String]: SourceLocation?]>([:])

    private static func look(in backtrace: Backtrace) -> SourceLocation? {
        guard let symbols = backtrace.symbolicated() else { return nil }
        let library = "/Sources/Heterodyne"
        for frame in symbols.frames {
            guard let location = frame.symbol?.sourceLocation, location.line > 0,
                !location.path.contains(library), !location.path.hasPrefix("<")
            else { continue }
            return SourceLocation(file: shortened(location.path), line: location.line)
        }
        return nil
    }
    #endif

    /// The last two components, like `#fileID`.
    private static func shortened(_ path: String) -> String {
        path.split(separator: "/").suffix(2).joined(separator: "/")
    }
}
