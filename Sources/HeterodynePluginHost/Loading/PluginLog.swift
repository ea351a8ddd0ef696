// Heterodyne: what plugins tell people.
// SPDX-License-Identifier: Apache-2.0

import CHeterodynePlugin
import Synchronization

#if canImport(Musl)
import Musl
#else
import Glibc
#endif

/// What plugins tell people. Nobody hears it, unless a handler is set or `HETERODYNE_PLUGIN_LOG` names the least level that
/// goes to standard error (`debug`, `info`, `warning`, `error`; anything else stands for `info`).
public enum PluginLog {
    /// How much a line matters.
    public enum Level: Int, Sendable, Hashable, CaseIterable, Comparable {
        /// For those who look for a mistake.
        case debug
        /// For those who are curious.
        case info
        /// Something may be wrong.
        case warning
        /// Something failed.
        case error

        /// Less matters less.
        public static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    /// One line.
    public struct Line: Sendable, Hashable {
        /// The plugin's name.
        public var plugin: String
        /// How much it matters.
        public var level: Level
        /// The text, without control characters.
        public var text: String
    }

    private static let handler = Mutex<(@Sendable (Line) -> Void)?>(nil)

    /// Has `handler` called with each line, from any thread, also while a plugin's function runs; it must not call plugins.
    /// With nil the environment decides again.
    public static func setHandler(_ handler: (@Sendable (Line) -> Void)?) { Self.handler.withLock { $0 = handler } }

    /// The least level that goes to standard error; nil for silence. Read once.
    private static let standardErrorLevel: Level? = {
        guard let text = PluginEnvironment.current["HETERODYNE_PLUGIN_LOG"] else { return nil }
        return Level.allCases.first { "\($0)" == text } ?? .info
    }()

    /// Passes on what the plugin called `plugin` logged.
    static func take(_ plugin: String, level: UInt32, _ text: heterodyne_string) {
        let handler = handler.withLock { $0 }
        let level = Level(rawValue: Int(level)) ?? .error
        let isPrinted = handler == nil && standardErrorLevel.map { level >= $0 } == true
        guard handler != nil || isPrinted, let data = text.data else { return }
        let bytes = UnsafeRawBufferPointer(start: data, count: Int(min(text.size, 4096)))
        let line = Line(
            plugin: plugin, level: level, text: ProbeReport.readable(String(decoding: bytes, as: UTF8.self)))
        if let handler { return handler(line) }
        let output = "heterodyne: \(plugin): \(level): \(line.text)\n"
        // Whole lines, also where threads log at the same time.
        _ = output.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }
}
