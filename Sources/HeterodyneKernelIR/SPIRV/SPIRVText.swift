// Heterodyne: SPIR-V modules as text.
// SPDX-License-Identifier: Apache-2.0

extension SPIRVModule {
    /// The instructions as text, one in a line, in the manner of a disassembler.
    public var text: String {
        var lines = ["; SPIR-V \(words.count > 1 ? "\(words[1] >> 16).\(words[1] >> 8 & 255)" : "?")"]
        let opcodes = Dictionary(uniqueKeysWithValues: Opcode.allCases.map { ($0.rawValue, $0) })
        var position = 5
        while position < words.count {
            let count = Int(words[position] >> 16)
            guard count > 0, position + count <= words.count else { break }
            let operands = Array(words[position + 1..<position + count])
            if let opcode = opcodes[UInt16(truncatingIfNeeded: words[position])] {
                lines.append(Self.line(opcode, operands))
            } else {
                lines.append("; unknown instruction \(words[position] & 0xffff)")
            }
            position += count
        }
        return lines.joined(separator: "\n")
    }

    private static func line(_ opcode: Opcode, _ words: [UInt32]) -> String {
        var rest = words[...]
        let type = opcode.hasType ? rest.popFirst() : nil
        let result = opcode.hasResult ? rest.popFirst() : nil
        let name = "\(opcode)"
        var text = "Op\(name.prefix(1).uppercased())\(name.dropFirst())"
        if let type { text += " %\(type)" }
        if let result { text = "%\(result) = \(text)" }
        return ([text] + operands(opcode, Array(rest))).joined(separator: " ")
    }

    private static func string(_ words: ArraySlice<UInt32>) -> (text: String, count: Int) {
        var bytes: [UInt8] = []
        for (index, word) in words.enumerated() {
            for shift in [0, 8, 16, 24] as [UInt32] {
                let byte = UInt8(truncatingIfNeeded: word >> shift)
                if byte == 0 { return ("\"\(String(decoding: bytes, as: UTF8.self))\"", index + 1) }
                bytes.append(byte)
            }
        }
        return ("\"\(String(decoding: bytes, as: UTF8.self))\"", words.count)
    }

    private static func enumerant<T: RawRepresentable<UInt32>>(_ type: T.Type, _ word: UInt32) -> String {
        guard let value = type.init(rawValue: word) else { return "\(word)" }
        let text = "\(value)"
        return text.prefix(1).uppercased() + text.dropFirst()
    }

    private static func decoration(_ words: ArraySlice<UInt32>) -> [String] {
        guard let first = words.first else { return [] }
        let rest = words.dropFirst().map { word in
            first == SPIRVDecoration.builtIn.rawValue ? enumerant(SPIRVBuiltIn.self, word) : "\(word)"
        }
        return [enumerant(SPIRVDecoration.self, first)] + rest
    }

    /// What follows the result: `i` an id, `n` a number, `s` a string, and names of enumerants.
    private static func operands(_ opcode: Opcode, _ words: [UInt32]) -> [String] {
        func ids(_ words: ArraySlice<UInt32>) -> [String] { words.map { "%\($0)" } }
        func numbers(_ words: ArraySlice<UInt32>) -> [String] { words.map { "\($0)" } }
        /// So many ids, then numbers.
        func mixed(_ count: Int) -> [String] { ids(words.prefix(count)) + numbers(words.dropFirst(count)) }
        switch opcode {
        case .capability: return words.map { enumerant(SPIRVCapability.self, $0) }
        case .extension, .extInstImport: return [string(words[...]).text]
        case .memoryModel, .typeInt, .typeFloat, .constant, .specConstant: return numbers(words[...])
        case .name: return ids(words.prefix(1)) + [string(words.dropFirst()).text]
        case .entryPoint:
            let (text, count) = string(words.dropFirst(2))
            return ["GLCompute"] + ids(words.dropFirst().prefix(1)) + [text] + ids(words.dropFirst(2 + count))
        case .executionMode, .executionModeId:
            let mode = words.dropFirst().prefix(1).map { enumerant(SPIRVExecutionMode.self, $0) }
            let rest = words.dropFirst(2)
            return ids(words.prefix(1)) + mode + (opcode == .executionMode ? numbers(rest) : ids(rest))
        case .decorate: return ids(words.prefix(1)) + decoration(words.dropFirst())
        case .memberDecorate:
            return ids(words.prefix(1)) + numbers(words.dropFirst().prefix(1)) + decoration(words.dropFirst(2))
        case .typePointer, .variable:
            return words.prefix(1).map { enumerant(SPIRVStorageClass.self, $0) } + ids(words.dropFirst())
        case .typeVector, .load, .compositeExtract, .selectionMerge: return mixed(1)
        case .store, .loopMerge: return mixed(2)
        case .cooperativeMatrixLoadKHR, .cooperativeMatrixMulAddKHR: return mixed(3)
        case .cooperativeMatrixStoreKHR: return mixed(4)
        case .function: return numbers(words.prefix(1)) + ids(words.dropFirst())
        case .extInst:
            let instruction = words.dropFirst().prefix(1).map { enumerant(GLSLInstruction.self, $0) }
            return ids(words.prefix(1)) + instruction + ids(words.dropFirst(2))
        case .groupNonUniformIAdd, .groupNonUniformFAdd, .groupNonUniformSMin, .groupNonUniformUMin,
            .groupNonUniformFMin, .groupNonUniformSMax, .groupNonUniformUMax, .groupNonUniformFMax:
            return ids(words.prefix(1)) + numbers(words.dropFirst().prefix(1)) + ids(words.dropFirst(2))
        default: return ids(words[...])
        }
    }
}
