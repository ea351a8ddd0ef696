// Heterodyne: what is known of a plugin after it was tried out.
// SPDX-License-Identifier: Apache-2.0

import CPluginProbe

/// What a child process told while it tried a plugin out, and how it ended.
struct ProbeReport: Sendable, Hashable {
    /// What the plugin was doing last.
    enum Phase: Sendable, Hashable {
        case starting
        case requirements(Int)
        case loading
        case opening
        case counting
        case describing(Int)
        case capabilities(Int)
    }

    /// The child's last word.
    enum Answer: Sendable, Hashable {
        /// The plugin holds what the interface asks for.
        case passed(version: UInt32, deviceCount: Int)
        /// The loader refuses the library; its words.
        case unloadable(String)
        /// The library has no `heterodyne_plugin_open`; the loader's words.
        case noEntry(String)
        /// The plugin returned a status, with a message.
        case failed(status: Int32, message: String)
        /// The plugin breaks a rule of the interface.
        case invalid(String)
    }

    /// How the child ended.
    enum End: Sendable, Hashable {
        case exited(Int32)
        case signalled(Int32)
        /// It was killed after so many seconds.
        case timedOut(Double)
        /// Another part of this process collected it.
        case unknown
        /// It could not be started; an errno.
        case notStarted(Int32)
    }

    /// What the plugin was doing last.
    var phase = Phase.starting
    /// Whether the child's own code was reached.
    var hasStarted = false
    /// The child's last word; nil where it died before.
    var answer: Answer?
    /// Libraries that the manifest requires and that cannot be loaded: positions, and the loader's words.
    var missing: [Int: String] = [:]
    /// How the child ended.
    var end = End.unknown
    /// The beginning of what the plugin printed.
    var output: [UInt8] = []

    /// Whether the child ended by itself without reaching the probe's code.
    var isOfAnotherProgram: Bool {
        guard !hasStarted else { return false }
        switch end {
        case .exited, .signalled: return true
        case .timedOut, .unknown, .notStarted: return false
        }
    }

    /// Most bytes of output that are kept.
    static let outputLimit = 4096

    /// Keeps the beginning of what the plugin printed.
    mutating func take(output bytes: ArraySlice<UInt8>) {
        output += bytes.prefix(max(0, Self.outputLimit - output.count))
    }

    /// Takes the records at the front of `bytes` and removes them. False where something else stands there, as where a
    /// plugin writes to descriptors that it did not open.
    mutating func take(records bytes: inout [UInt8]) -> Bool {
        let headSize = MemoryLayout<heterodyne_probe_record>.size
        var position = 0
        defer { bytes.removeFirst(position) }
        while bytes.count - position >= headSize {
            let head = bytes.withUnsafeBytes {
                $0.loadUnaligned(fromByteOffset: position, as: heterodyne_probe_record.self)
            }
            guard head.magic == HETERODYNE_PROBE_MAGIC, head.text_size <= UInt32(HETERODYNE_PROBE_TEXT) else {
                return false
            }
            let end = position + headSize + Int(head.text_size)
            guard end <= bytes.count else { return true }
            let text = String(decoding: bytes[position + headSize..<end], as: UTF8.self)
            position = end
            guard take(head, text) else { return false }
        }
        return true
    }

    private mutating func take(_ head: heterodyne_probe_record, _ text: String) -> Bool {
        let value = Int(clamping: head.value)
        switch heterodyne_probe_kind(rawValue: head.kind) {
        case HETERODYNE_PROBE_PHASE:
            hasStarted = true
            switch heterodyne_probe_phase(rawValue: UInt32(bitPattern: head.code)) {
            case HETERODYNE_PROBE_STARTING: phase = .starting
            case HETERODYNE_PROBE_REQUIREMENTS: phase = .requirements(value)
            case HETERODYNE_PROBE_LOADING: phase = .loading
            case HETERODYNE_PROBE_OPENING: phase = .opening
            case HETERODYNE_PROBE_COUNTING: phase = .counting
            case HETERODYNE_PROBE_DESCRIBING: phase = .describing(value)
            case HETERODYNE_PROBE_CAPABILITIES: phase = .capabilities(value)
            default: return false
            }
        case HETERODYNE_PROBE_MISSING: missing[value] = text
        case HETERODYNE_PROBE_UNLOADABLE: answer = .unloadable(text)
        case HETERODYNE_PROBE_NO_ENTRY: answer = .noEntry(text)
        case HETERODYNE_PROBE_FAILED: answer = .failed(status: head.code, message: text)
        case HETERODYNE_PROBE_INVALID: answer = .invalid(text)
        case HETERODYNE_PROBE_DONE:
            answer = .passed(version: UInt32(bitPattern: head.code), deviceCount: value)
        default: return false
        }
        return true
    }
}
