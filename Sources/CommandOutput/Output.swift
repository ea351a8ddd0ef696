// Heterodyne: standard output, which belongs to the command alone.
// SPDX-License-Identifier: Apache-2.0

import Foundation

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Standard output, which belongs to the command alone: plugins and drivers that print although they must not reach standard
/// error, so that tables stay whole and JSON stays JSON.
public enum Output {
    /// Where standard output led when the command started.
    private static let file: FileHandle = {
        fflush(nil)
        let own = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10)
        guard own >= 0, dup2(STDERR_FILENO, STDOUT_FILENO) >= 0 else { return .standardOutput }
        return FileHandle(fileDescriptor: own)
    }()

    /// Sends to standard error what others print from now on.
    public static func reserve() { _ = file }

    /// Prints `text` and a line break. Where nobody reads any more, that is no failure of the command.
    public static func print(_ text: String, terminator: String = "\n") {
        try? file.write(contentsOf: Data((text + terminator).utf8))
    }
}
