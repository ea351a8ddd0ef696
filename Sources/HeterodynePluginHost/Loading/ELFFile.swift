// Heterodyne: reads what the loader needs to know of a shared library, without loading it.
// SPDX-License-Identifier: Apache-2.0

/// What the loader needs to know of a shared library (System V ABI, "Object Files" and "Dynamic Linking"): what machine it
/// is for, whether it is whole, and which libraries it needs. Reads any bytes without trapping.
struct ELFFile: Sendable, Hashable {
    /// Libraries that it needs (DT_NEEDED), in order.
    private(set) var needed: [String] = []
    /// Where it wants them looked for (DT_RUNPATH), colon-separated; nil where it does not say.
    private(set) var runPath: String?
    /// The older form (DT_RPATH), which also holds for what its libraries need.
    private(set) var olderRunPath: String?

    /// Why a file cannot be loaded here.
    struct Problem: Error, Sendable, Hashable {
        /// A predicate of the library: "is no shared library: …".
        var text: String
        /// What to do.
        var remedy: String
    }

    /// What a machine is called, and the number that ELF has for it (e_machine).
    static let machines: [UInt16: String] = [
        2: "SPARC", 3: "x86 (32 bits)", 8: "MIPS", 20: "PowerPC (32 bits)", 21: "ppc64", 22: "s390x",
        40: "arm (32 bits)",
        42: "SuperH", 43: "sparc64", 50: "ia64", 62: "x86_64", 183: "aarch64", 190: "NVIDIA GPUs", 224: "AMD GPUs",
        243: "riscv64", 258: "loongarch64",
    ]

    /// The machine that this code runs on, nil where it is not known.
    static var hostMachine: UInt16? {
        #if arch(x86_64)
        62
        #elseif arch(arm64)
        183
        #elseif arch(i386)
        3
        #elseif arch(arm)
        40
        #elseif arch(powerpc64le)
        21
        #elseif arch(s390x)
        22
        #elseif arch(riscv64)
        243
        #else
        nil
        #endif
    }

    /// Reads the shared library of `byteCount` bytes behind `descriptor`.
    init(_ descriptor: Int32, byteCount: Int) throws(Problem) {
        let header = Record(readBytes(descriptor, at: 0, count: 64) ?? [])
        try Self.checkHeader(header, byteCount: byteCount)
        // Only files with the layout of this machine get here; 32-bit ones are left to the loader.
        guard MemoryLayout<Int>.size == 8 else { return }
        try readSegments(descriptor, header, byteCount)
    }

    private static func checkHeader(_ header: Record, byteCount: Int) throws(Problem) {
        let advice = "Install a library that was built for this machine"
        guard header.bytes.starts(with: [0x7F, UInt8(ascii: "E"), UInt8(ascii: "L"), UInt8(ascii: "F")]) else {
            throw Problem(
                text: byteCount == 0
                    ? "is empty" : "is no shared library: it does not begin as ELF files do", remedy: "Install it again"
            )
        }
        guard header.bytes.count >= 20 else { throw truncated(byteCount, needs: 64) }
        let bits = MemoryLayout<Int>.size * 8
        guard header.bytes[4] == (bits == 64 ? 2 : 1) else {
            let machine = header.word(18).map { " (\(name(of: $0)))" } ?? ""
            throw Problem(
                text: "is built for \(header.bytes[4] == 1 ? "32" : "64") bits\(machine); this process has \(bits)",
                remedy: advice)
        }
        guard header.bytes[5] == (1.littleEndian == 1 ? 1 : 2) else {
            throw Problem(text: "is built for another byte order than this machine's", remedy: advice)
        }
        guard let type = header.word(16), let machine = header.word(18) else { throw truncated(byteCount, needs: 64) }
        if let host = hostMachine, machine != host {
            throw Problem(text: "is built for \(name(of: machine)); this machine is \(name(of: host))", remedy: advice)
        }
        guard type == 3 else {
            let kind = [1: "an object file", 2: "a program", 4: "a core dump"][type] ?? "of an unknown type"
            throw Problem(
                text: "is \(kind), not a shared library", remedy: "Link it with -shared, from code built with -fPIC")
        }
        guard header.bytes.count == 64 else { throw truncated(byteCount, needs: 64) }
    }

    private static func name(of machine: UInt16) -> String { machines[machine] ?? "machine number \(machine)" }

    private static func truncated(_ byteCount: Int, needs: Int) -> Problem {
        Problem(
            text: "is truncated: it has \(byteCount) bytes, and its headers speak of \(needs)",
            remedy: "Install it again")
    }

    private static func malformed(_ what: String) -> Problem {
        Problem(text: "is damaged: \(what)", remedy: "Install it again")
    }

    /// A part of the file that is mapped into memory.
    private struct Segment {
        var address: Int
        var offset: Int
        var byteCount: Int
    }

    private mutating func readSegments(_ descriptor: Int32, _ header: Record, _ byteCount: Int) throws(Problem) {
        guard let offset = header.number(32), let size = header.word(54), let count = header.word(56), size >= 56 else {
            throw Self.malformed("its program headers have no valid place")
        }
        let table = Int(size) * Int(count)
        guard offset <= byteCount, table <= byteCount - offset else {
            throw Self.truncated(byteCount, needs: offset.addingReportingOverflow(table).partialValue)
        }
        let headers = Record(readBytes(descriptor, at: offset, count: table) ?? [])
        var segments: [Segment] = []
        var dynamic: Segment?
        for index in 0..<Int(count) {
            let start = index * Int(size)
            guard let type = headers.number(start, bytes: 4), type == 1 || type == 2 else { continue }
            guard let offset = headers.number(start + 8), let address = headers.number(start + 16),
                let stored = headers.number(start + 32)
            else { throw Self.malformed("program header \(index) has no valid place") }
            let (end, overflows) = offset.addingReportingOverflow(stored)
            guard !overflows, end <= byteCount else {
                throw Self.truncated(byteCount, needs: overflows ? Int.max : end)
            }
            let segment = Segment(address: address, offset: offset, byteCount: stored)
            if type == 1 { segments.append(segment) } else { dynamic = segment }
        }
        guard let dynamic else { throw Self.malformed("it has no dynamic section") }
        try readDynamic(descriptor, dynamic, segments)
    }

    private mutating func readDynamic(
        _ descriptor: Int32, _ dynamic: Segment, _ segments: [Segment]
    ) throws(Problem) {
        guard dynamic.byteCount <= 1 << 20 else { throw Self.malformed("its dynamic section is too large") }
        let entries = Record(readBytes(descriptor, at: dynamic.offset, count: dynamic.byteCount) ?? [])
        var names: [Int] = []
        var runPathAt: Int?
        var olderRunPathAt: Int?
        var table: Int?
        var tableSize: Int?
        for index in 0..<entries.bytes.count / 16 {
            guard let tag = entries.number(index * 16), let value = entries.number(index * 16 + 8) else { continue }
            switch tag {
            case 0: break
            case 1: names.append(value)
            case 5: table = value
            case 10: tableSize = value
            case 15: olderRunPathAt = value
            case 29: runPathAt = value
            default: continue
            }
            if tag == 0 { break }
        }
        guard !names.isEmpty || runPathAt != nil || olderRunPathAt != nil else { return }
        guard let table, let tableSize, tableSize <= 1 << 26,
            let place = segments.first(where: { $0.address <= table && table - $0.address < $0.byteCount }),
            let strings = readBytes(
                descriptor, at: place.offset + (table - place.address),
                count: min(tableSize, place.byteCount - (table - place.address)))
        else { throw Self.malformed("its table of names has no valid place") }
        func name(_ offset: Int) throws(Problem) -> String {
            guard offset < strings.count, let end = strings[offset...].firstIndex(of: 0) else {
                throw Self.malformed("a name lies outside of its table")
            }
            return String(decoding: strings[offset..<end], as: UTF8.self)
        }
        for offset in names.prefix(4096) { needed.append(try name(offset)) }
        if let runPathAt { runPath = try name(runPathAt) }
        if let olderRunPathAt { olderRunPath = try name(olderRunPathAt) }
    }

    /// Numbers in bytes, in this machine's order.
    private struct Record {
        var bytes: [UInt8]

        init(_ bytes: [UInt8]) { self.bytes = bytes }

        /// A number of `count` bytes; nil where it lies outside or does not fit in an `Int`.
        func number(_ offset: Int, bytes count: Int = 8) -> Int? {
            guard offset >= 0, offset <= bytes.count - count else { return nil }
            var value: UInt64 = 0
            for index in 0..<count {
                let byte = bytes[offset + (1.littleEndian == 1 ? count - 1 - index : index)]
                value = value << 8 | UInt64(byte)
            }
            return Int(exactly: value)
        }

        func word(_ offset: Int) -> UInt16? { number(offset, bytes: 2).flatMap { UInt16(exactly: $0) } }
    }
}
