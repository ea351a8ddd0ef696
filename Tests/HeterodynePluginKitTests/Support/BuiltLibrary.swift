// Heterodyne: the plugins that the build put beside the tests.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import HeterodyneBackend
import HeterodynePluginHost
import Synchronization
import Testing

/// The folder of this executable, where the build puts libraries too.
func buildFolder() throws -> String {
    var path = [UInt8](repeating: 0, count: 4096)
    let length = path.withUnsafeMutableBytes { bytes in
        bytes.withMemoryRebound(to: CChar.self) { path in
            path.baseAddress.map { readlink("/proc/self/exe", $0, path.count) } ?? -1
        }
    }
    try #require(length > 0)
    let executable = String(decoding: path[..<length], as: UTF8.self)
    return String(executable[..<(executable.lastIndex(of: "/") ?? executable.startIndex)])
}

private let loaded = Mutex<[String: Result<any Backend, any Error>]>([:])

/// The plugin `libheterodyne-NAME.so` that lies beside this executable, loaded once as users load one.
func builtPlugin(_ name: String) throws -> any Backend {
    let library = "\(try buildFolder())/libheterodyne-\(name).so"
    try #require(
        access(library, R_OK) == 0, "\(library) is missing; build it: swift build --product heterodyne-\(name)")
    let plugin = loaded.withLock { loaded in
        if let known = loaded[name] { return known }
        let opened = Result<any Backend, any Error> {
            // Machines that run tests are busy.
            try PluginHost.load(path: library, name: "\(name)-plugin", probeSeconds: 30)
        }
        loaded[name] = opened
        return opened
    }
    return try plugin.get()
}
