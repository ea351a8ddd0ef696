// Heterodyne: rewrites a kernel statement by statement without 64-bit numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

typealias KernelPair = DoubleSingle<KernelFloat>
typealias KernelWords = WideWord<KernelWord>

/// What a value of the source has become.
enum EmulatedValue {
    /// A value of the same type.
    case plain(KernelValue)
    /// A 64-bit integer.
    case words(KernelWords)
    /// A float64 as a pair and, where it has not been computed with since it was loaded, as its own bits: these are stored
    /// again, so that what is only moved stays as it was. What is not used of the two is dropped in the end.
    case float(KernelPair, bits: KernelWords?)
}

/// Rewrites one kernel.
final class Emulator {
    /// Where the two parts of a declaration are; the second is nil where it has only one.
    struct Parts {
        var first: Int
        var second: Int?
    }

    let source: Kernel
    /// The types that no value has in the end.
    let types: Set<ScalarType>
    let options: EmulationOptions
    let k: KernelBuilder
    private var values: [EmulatedValue?]
    /// The bits of constants with the same bits in every component.
    private(set) var constants: [ValueID: UInt64] = [:]
    private(set) var variables: [Parts] = []
    private(set) var arrays: [Parts] = []
    private(set) var tables: [Parts] = []
    private(set) var specializations: [Parts] = []

    init(_ source: Kernel, _ types: Set<ScalarType>, _ options: EmulationOptions) {
        self.source = source
        self.types = types
        self.options = options
        k = KernelBuilder(source.name + "_emulated", workgroup: [])
        values = [EmulatedValue?](repeating: nil, count: source.types.count)
    }

    func run() throws(KernelError) -> Kernel {
        for matrix in source.matrices where isEmulated(matrix.element) {
            throw lacking("a matrix of \(matrix.element)")
        }
        declare()
        let body = try block(source.body)
        if let error = k.error { throw error }
        var result = k.kernel
        result.body = body
        return result
    }

    /// Whether values of the type are replaced.
    func isEmulated(_ type: KernelType) -> Bool { types.contains(type.scalar) }

    func type(_ id: ValueID) -> KernelType { source.types[id.index] }

    func lacking(_ what: String) -> KernelError {
        .missingCapability("\(what) in \(source.name) has no emulated form; kernels for such devices go another way")
    }

    // MARK: Declarations

    private func declare() {
        k.kernel.matrices = source.matrices
        for buffer in source.buffers {
            var buffer = buffer
            if isEmulated(buffer.element) { buffer.element = .u32.with(width: min(4, 2 * buffer.element.width)) }
            k.kernel.buffers.append(buffer)
        }
        for constant in source.pushConstants {
            var constant = constant
            if isEmulated(constant.type) { constant.type = .u32.with(width: 2) }
            k.kernel.pushConstants.append(constant)
        }
        for constant in source.specializations {
            var (low, high) = (constant, constant)
            var parts = Parts(first: k.kernel.specializations.count)
            if isEmulated(constant.type) {
                (low.type, high.type) = (.u32, .u32)
                (low.value, high.value) = (constant.value & 0xffff_ffff, constant.value >> 32)
                high.name += ".high"
                high.id |= Kernel.highWordID
                parts.second = parts.first + 1
            }
            k.kernel.specializations += parts.second == nil ? [low] : [low, high]
            specializations.append(parts)
        }
        k.kernel.workgroup = source.workgroup.map { edge in
            guard case .specialization(let index) = edge else { return edge }
            return .specialization(specializations[index].first)
        }
        for array in source.workgroupArrays {
            var (first, second) = (array, array)
            var parts = Parts(first: k.kernel.workgroupArrays.count)
            if isEmulated(array.element) {
                first.element = half(array.element)
                second.element = first.element
                second.name += ".second"
                parts.second = parts.first + 1
            }
            k.kernel.workgroupArrays += parts.second == nil ? [first] : [first, second]
            arrays.append(parts)
        }
        for table in source.tables {
            var (first, second) = (table, table)
            var parts = Parts(first: k.kernel.tables.count)
            if isEmulated(table.element) {
                first.element = half(table.element)
                second.element = first.element
                second.name += ".second"
                let halves = table.values.map { Self.halves($0, table.element.scalar) }
                (first.values, second.values) = (halves.map(\.first), halves.map(\.second))
                parts.second = parts.first + 1
            }
            k.kernel.tables += parts.second == nil ? [first] : [first, second]
            tables.append(parts)
        }
        for variable in source.variables {
            var parts = Parts(first: k.kernel.variables.count)
            if isEmulated(variable) {
                k.kernel.variables += [half(variable), half(variable)]
                parts.second = parts.first + 1
            } else {
                k.kernel.variables.append(variable)
            }
            variables.append(parts)
        }
    }

    /// The type of each of the two parts of a value in registers.
    func half(_ type: KernelType) -> KernelType { type.with(scalar: type.isFloat ? .float32 : .uint32) }

    /// The bits of the two parts of a constant: high and low float, or low and high word.
    static func halves(_ bits: UInt64, _ scalar: ScalarType) -> (first: UInt64, second: UInt64) {
        guard scalar == .float64 else { return (bits & 0xffff_ffff, bits >> 32) }
        // As `DoubleSingle.like` rounds: to zero below the normal numbers of float32.
        let number = Double(bitPattern: bits)
        let high = number.magnitude < 0x1p-126 ? (number.sign == .minus ? -0.0 : 0) : Float(number)
        let low = high.isFinite && high != 0 ? Float(number - Double(high)) : 0
        return (UInt64(high.bitPattern), UInt64(low.bitPattern))
    }

    // MARK: Values

    func value(_ id: ValueID) throws(KernelError) -> EmulatedValue {
        guard let value = values[id.index] else { throw .undefinedValue("\(id)") }
        return value
    }

    /// A value that kept its type.
    func plain(_ id: ValueID) throws(KernelError) -> KernelValue {
        guard case .plain(let value) = try value(id) else { throw mismatch(id) }
        return value
    }

    /// The words of an emulated integer.
    func words(_ id: ValueID) throws(KernelError) -> KernelWords {
        guard case .words(let words) = try value(id) else { throw mismatch(id) }
        return words
    }

    /// The pair of an emulated float64.
    func pair(_ id: ValueID) throws(KernelError) -> KernelPair {
        guard case .float(let pair, _) = try value(id) else { throw mismatch(id) }
        return pair
    }

    private func mismatch(_ id: ValueID) -> KernelError {
        .typeMismatch("\(id) of type \(type(id)) in \(source.name) was expected in another form")
    }

    func lane(_ value: KernelValue) -> KernelFloat { KernelFloat(value, options) }
    func word(_ value: KernelValue) -> KernelWord { KernelWord(value, options) }

    /// A float64 from its bits, which it keeps.
    func float(_ bits: KernelWords) -> EmulatedValue { .float(KernelPair(float64: bits), bits: bits) }

    /// The bits of a float64: those that it came with, or those of its pair.
    func bits(_ pair: KernelPair, _ bits: KernelWords?) -> KernelWords { bits ?? pair.float64Bits }

    /// A constant of each component's bits.
    func constant(_ bits: [UInt64], _ type: KernelType) -> KernelValue { k.define(.constant(bits), type) }

    // MARK: Statements

    /// The statements that `content` appends.
    private func scoped(_ content: () throws(KernelError) -> Void) throws(KernelError) -> [Statement] {
        k.blocks.append([])
        try content()
        return k.blocks.removeLast()
    }

    private func block(_ statements: [Statement]) throws(KernelError) -> [Statement] {
        try scoped { () throws(KernelError) in
            for statement in statements { try lower(statement) }
        }
    }

    private func lower(_ statement: Statement) throws(KernelError) {
        switch statement {
        case .define(let id, let operation, let exact):
            if case .constant(let bits) = operation, let first = bits.first, bits.allSatisfy({ $0 == first }) {
                constants[id] = first
            }
            values[id.index] = try lower(operation, type(id), exact)
        case .store(let place, let value): try store(place, value)
        case .barrier: k.append(statement)
        case .conditional(let test, let then, let otherwise):
            let condition = try plain(test)
            k.append(.conditional(condition.id, then: try block(then), otherwise: try block(otherwise)))
        case .loop(let counter, let from, let to, let step, let body):
            if isEmulated(type(counter)) {
                try wideLoop(counter, from, to, step, body)
            } else {
                let (first, end) = (try plain(from), try plain(to))
                let number = k.newValue(type(counter))
                values[counter.index] = .plain(number)
                k.append(.loop(counter: number.id, from: first.id, to: end.id, step: step, try block(body)))
            }
        case .whileLoop(let before, let test, let body):
            let first = try block(before)
            let condition = try plain(test)
            k.append(.whileLoop(first, condition: condition.id, try block(body)))
        case .matrix(let step): k.append(.matrix(try renamed(step)))
        }
    }

    /// A loop whose counter has 64 bits, as a `while` over two variables.
    private func wideLoop(
        _ counter: ValueID, _ from: ValueID, _ to: ValueID, _ step: UInt32, _ body: [Statement]
    ) throws(KernelError) {
        let (first, end, isSigned) = (try words(from), try words(to), type(counter).isSigned)
        let (low, high) = (k.variable(first.low.value), k.variable(first.high.value))
        var number = first
        var test: KernelValue?
        let before = try scoped { () throws(KernelError) in
            number = KernelWords(low: word(low.value), high: word(high.value))
            test = number.isLess(than: end, isSigned: isSigned).value
        }
        guard let test else { throw .undefinedValue("\(counter)") }
        values[counter.index] = .words(number)
        let inside = try scoped { () throws(KernelError) in
            for statement in body { try lower(statement) }
            let next = number + number.like(UInt64(step))
            low.value = next.low.value
            high.value = next.high.value
        }
        k.append(.whileLoop(before, condition: test.id, inside))
    }

    private func renamed(_ step: MatrixStatement) throws(KernelError) -> MatrixStatement {
        switch step {
        case .fill(let matrix, let value): .fill(matrix, try plain(value).id)
        case .load(let matrix, let place, let stride, let layout):
            .load(matrix, try renamed(place), stride: try plain(stride).id, layout)
        case .store(let matrix, let place, let stride, let layout):
            .store(matrix, try renamed(place), stride: try plain(stride).id, layout)
        case .scale(let result, let matrix, let factor): .scale(result: result, matrix, try plain(factor).id)
        case .multiplyAdd, .add, .convert: step
        }
    }
}
