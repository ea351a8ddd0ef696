// Heterodyne: finds the caller's source line when an operator fails.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph

#if canImport(Runtime)
import Runtime
#endif

/// Finds the caller's source line when an operator fails. Operators cannot take `#line` as a default argument, so the
/// call stack is looked at, which is slow and therefore done for mistakes only.
enum CallSite {
    /// The first frame outside this library whose source is known, or nil.
    static func current() -> SourceLocation? {
        #if canImport(Runtime)
        guard let backtrace = try? Backtrace.capture(limit: 64), let symbols = backtrace.symbolicated() else {
            return nil
        }
        let library = "/Sources/Heterodyne"
        for frame in symbols.frames {
            guard let location = frame.symbol?.sourceLocation, location.line > 0,
                !location.path.contains(library), !location.path.hasPrefix("<")
            else { continue }
            return SourceLocation(file: shortened(location.path), line: location.line)
        }
        #endif
        return nil
    }

    /// The last two components, like `#fileID`.
    private static func shortened(_ path: String) -> String {
        path.split(separator: "/").suffix(2).joined(separator: "/")
    }
}
