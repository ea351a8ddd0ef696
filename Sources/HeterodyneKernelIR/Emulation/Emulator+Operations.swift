// Heterodyne: operations on emulated 64-bit numbers.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneEmulation
import HeterodyneGraph

extension Emulator {
    /// What an operation of the source becomes.
    func lower(
        _ operation: Operation, _ type: KernelType, _ exact: Bool
    ) throws(KernelError) -> EmulatedValue {
        switch operation {
        case .convert(let a) where isEmulated(type) || isEmulated(self.type(a)): return try convert(a, type)
        case .bitcast(let a) where isEmulated(type) || isEmulated(self.type(a)): return try bitcast(a, type)
        case .compare(let comparison, let a, let b) where isEmulated(self.type(a)):
            return .plain(try compare(comparison, a, b))
        case .unary(let unary, let a) where isEmulated(self.type(a)): return try self.unary(unary, a)
        case .extract(let a, let index) where isEmulated(type):
            return try parts([a], type) { $0[0][index] }
        case .atomic(_, let place, _) where isEmulated(type), .compareExchange(let place, _, _) where isEmulated(type):
            _ = place
            throw lacking("\(operation.keyword) of \(type)")
        default: break
        }
        guard isEmulated(type) else {
            k.exact = exact
            defer { k.exact = true }
            return .plain(k.define(try renamed(operation), type))
        }
        switch operation {
        case .constant(let bits):
            let halves = bits.map { Self.halves($0, type.scalar) }
            let (first, second) = (
                constant(halves.map(\.first), half(type)), constant(halves.map(\.second), half(type))
            )
            guard type.isFloat else { return .words(KernelWords(low: word(first), high: word(second))) }
            let words = type.with(scalar: .uint32)
            let own = KernelWords(
                low: word(constant(bits.map { $0 & 0xffff_ffff }, words)),
                high: word(constant(bits.map { $0 >> 32 }, words)))
            return .float(KernelPair(high: lane(first), low: lane(second)), bits: own)
        case .pushConstant(let index):
            let raw = separated([k.define(.pushConstant(index), .u32.with(width: 2))])
            return type.isFloat ? float(raw) : .words(raw)
        case .specialization(let index):
            let parts = specializations[index]
            let raw = KernelWords(
                low: word(k.define(.specialization(parts.first), .u32)),
                high: word(k.define(.specialization(parts.second ?? parts.first), .u32)))
            return type.isFloat ? float(raw) : .words(raw)
        case .binary(let binary, let a, let b): return try self.binary(binary, a, b)
        case .select(let test, let a, let b):
            let condition = try plain(test)
            return try parts([a, b], type) { [k] in k.select(condition, $0[0], $0[1]) }
        case .multiplyAdd(let a, let b, let c): return .float(try pair(a) * pair(b) + pair(c), bits: nil)
        case .construct(let ids):
            return try parts(ids, type) { [k] in k.define(.construct($0.map(\.id)), $0[0].type.with(width: $0.count)) }
        case .load(let place): return try load(place, type)
        case .broadcast(let a, let lane):
            let lane = try plain(lane)
            return try parts([a], type) { [k] in k.broadcast($0[0], lane: lane) }
        case .shuffle(let a, let lane):
            let lane = try plain(lane)
            return try parts([a], type) { [k] in k.shuffle($0[0], lane: lane) }
        case .shuffleXor(let a, let mask):
            let mask = try plain(mask)
            return try parts([a], type) { [k] in k.shuffleXor($0[0], mask: mask) }
        case .subgroup: throw lacking("\(operation.keyword) of \(type)")
        case .builtin, .unary, .compare, .convert, .bitcast, .extract, .atomic, .compareExchange:
            throw .typeMismatch("\(operation.keyword) gives no \(type)")
        }
    }

    /// Something that moves values about, done to each of their parts.
    private func parts(
        _ ids: [ValueID], _ type: KernelType, _ move: ([KernelValue]) -> KernelValue
    ) throws(KernelError) -> EmulatedValue {
        func moved(_ all: [KernelWords]) -> KernelWords {
            KernelWords(low: word(move(all.map(\.low.value))), high: word(move(all.map(\.high.value))))
        }
        guard type.isFloat else {
            var all: [KernelWords] = []
            for id in ids { all.append(try words(id)) }
            return .words(moved(all))
        }
        var pairs: [KernelPair] = []
        var own: [KernelWords] = []
        for id in ids {
            pairs.append(try pair(id))
            if case .float(_, let bits?) = try value(id) { own.append(bits) }
        }
        let (high, low) = (move(pairs.map(\.high.value)), move(pairs.map(\.low.value)))
        return .float(
            KernelPair(high: lane(high), low: lane(low)), bits: own.count == ids.count ? moved(own) : nil)
    }

    /// The same operation of the new kernel, where neither its operands nor its result are emulated.
    private func renamed(_ operation: Operation) throws(KernelError) -> Operation {
        func id(_ old: ValueID) throws(KernelError) -> ValueID { try plain(old).id }
        switch operation {
        case .constant, .builtin, .pushConstant: return operation
        case .specialization(let index): return .specialization(specializations[index].first)
        case .unary(let unary, let a): return .unary(unary, try id(a))
        case .binary(let binary, let a, let b): return .binary(binary, try id(a), try id(b))
        case .compare(let comparison, let a, let b): return .compare(comparison, try id(a), try id(b))
        case .select(let test, let a, let b): return .select(try id(test), try id(a), try id(b))
        case .multiplyAdd(let a, let b, let c): return .multiplyAdd(try id(a), try id(b), try id(c))
        case .convert(let a): return .convert(try id(a))
        case .bitcast(let a): return .bitcast(try id(a))
        case .construct(let parts):
            var ids: [ValueID] = []
            for part in parts { ids.append(try id(part)) }
            return .construct(ids)
        case .extract(let a, let index): return .extract(try id(a), index)
        case .load(let place): return .load(try renamed(place))
        case .atomic(let atomic, let place, let value): return .atomic(atomic, try renamed(place), try id(value))
        case .compareExchange(let place, let expected, let replacement):
            return .compareExchange(try renamed(place), expected: try id(expected), replacement: try id(replacement))
        case .subgroup(let operation, let extent, let a): return .subgroup(operation, extent, try id(a))
        case .broadcast(let a, let lane): return .broadcast(try id(a), lane: try id(lane))
        case .shuffle(let a, let lane): return .shuffle(try id(a), lane: try id(lane))
        case .shuffleXor(let a, let mask): return .shuffleXor(try id(a), mask: try id(mask))
        }
    }

    // MARK: Comparisons

    private func compare(_ comparison: Comparison, _ a: ValueID, _ b: ValueID) throws(KernelError) -> KernelValue {
        if type(a).isFloat {
            let (x, y) = (try pair(a), try pair(b))
            switch comparison {
            case .equal: return x.isEqual(to: y).value
            case .notEqual: return (!x.isEqual(to: y)).value
            case .less: return x.isLess(than: y).value
            case .lessOrEqual: return x.isLessOrEqual(to: y).value
            case .greater: return y.isLess(than: x).value
            case .greaterOrEqual: return y.isLessOrEqual(to: x).value
            }
        }
        let (x, y, isSigned) = (try words(a), try words(b), type(a).isSigned)
        switch comparison {
        case .equal: return x.isEqual(to: y).value
        case .notEqual: return (!x.isEqual(to: y)).value
        case .less: return x.isLess(than: y, isSigned: isSigned).value
        case .lessOrEqual: return (!y.isLess(than: x, isSigned: isSigned)).value
        case .greater: return y.isLess(than: x, isSigned: isSigned).value
        case .greaterOrEqual: return (!x.isLess(than: y, isSigned: isSigned)).value
        }
    }

    // MARK: One operand

    private func unary(_ unary: UnaryOperator, _ a: ValueID) throws(KernelError) -> EmulatedValue {
        guard type(a).isFloat else { return .words(try integer(unary, words(a), type(a))) }
        guard case .float(let x, let own) = try value(a) else { throw .typeMismatch("\(a) is no float64") }
        func signed(_ change: (KernelWord) -> KernelWord) -> KernelWords? {
            own.map { KernelWords(low: $0.low, high: change($0.high)) }
        }
        let size = x.high.bits & x.high.bits.like(0x7fff_ffff)
        let infinity = size.like(0x7f80_0000)
        switch unary {
        case .negate: return .float(-x, bits: signed { $0 ^ $0.like(0x8000_0000) })
        case .absolute: return .float(x.magnitude, bits: signed { $0 & $0.like(0x7fff_ffff) })
        case .floor: return .float(x.floor, bits: nil)
        case .ceiling: return .float(-(-x).floor, bits: nil)
        case .truncate:
            let isNegative = x.high.isLess(than: x.high.like(0))
            return .float(.select(isNegative, -(-x).floor, x.floor), bits: nil)
        case .roundEven: return .float(roundedToEven(x), bits: nil)
        case .squareRoot: return .float(x.squareRoot, bits: nil)
        case .isNaN: return .plain(infinity.isLess(than: size).value)
        case .isInfinite: return .plain(size.isEqual(to: infinity).value)
        case .exponential: return .float(x.exponential, bits: nil)
        case .logarithm: return .float(x.logarithm, bits: nil)
        case .sine: return .float(x.sine, bits: nil)
        case .cosine: return .float(x.cosine, bits: nil)
        case .hyperbolicTangent: return .float(x.hyperbolicTangent, bits: nil)
        case .not, .bitCount, .highestBit: throw .typeMismatch("\(unary.rawValue) is not defined on f64")
        }
    }

    /// The nearest integer, ties to even: the floor, or one more where more than a half is left of an even floor and no
    /// less of an odd one.
    private func roundedToEven(_ x: KernelPair) -> KernelPair {
        let floor = x.floor
        let rest = x - floor
        let half = x.like(0.5)
        let twin = floor * half
        let isOdd = !twin.floor.isEqual(to: twin)
        let isUp = half.isLess(than: rest) | (rest.isEqual(to: half) & isOdd)
        let rounded = KernelPair.select(isUp, floor + x.like(1), floor)
        // -0.5 to -0 keep their sign, and what is not finite stays.
        let sign = x.high.bits & x.high.bits.like(0x8000_0000)
        let isZero = rounded.isEqual(to: x.like(0))
        let zero = KernelPair(high: sign.asFloat, low: x.high.like(0))
        return .select(x.isLess(than: x) | floor.isEqual(to: x), x, .select(isZero, zero, rounded))
    }

    private func integer(
        _ unary: UnaryOperator, _ x: KernelWords, _ type: KernelType
    ) throws(KernelError) -> KernelWords {
        switch unary {
        case .negate: return -x
        case .absolute: return x.magnitude
        case .not: return ~x
        case .floor, .ceiling, .truncate, .roundEven, .squareRoot, .isNaN, .isInfinite, .bitCount, .highestBit,
            .exponential, .logarithm, .sine, .cosine, .hyperbolicTangent:
            throw .typeMismatch("\(unary.rawValue) is not defined on \(type)")
        }
    }

    // MARK: Two operands

    private func binary(_ binary: BinaryOperator, _ a: ValueID, _ b: ValueID) throws(KernelError) -> EmulatedValue {
        if type(a).isFloat {
            let (x, y) = (try pair(a), try pair(b))
            let result =
                switch binary {
                case .add: x + y
                case .subtract: x - y
                case .multiply: x * y
                case .divide: x / y
                case .minimum: x.minimum(y)
                case .maximum: x.maximum(y)
                case .power: x.power(y)
                case .floatRemainder: x.remainder(dividingBy: y)
                case .remainder, .and, .or, .xor, .shiftLeft, .shiftRight:
                    throw KernelError.typeMismatch("\(binary.rawValue) is not defined on f64")
                }
            return .float(result, bits: nil)
        }
        let (x, y, isSigned) = (try words(a), try words(b), type(a).isSigned)
        switch binary {
        case .add: return .words(x + y)
        case .subtract: return .words(x - y)
        case .multiply: return .words(x * y)
        case .divide: return .words(x.divided(by: y, isSigned: isSigned))
        case .remainder: return .words(x.remainder(dividingBy: y, isSigned: isSigned))
        case .minimum: return .words(x.minimum(y, isSigned: isSigned))
        case .maximum: return .words(x.maximum(y, isSigned: isSigned))
        case .and: return .words(x & y)
        case .or: return .words(x | y)
        case .xor: return .words(x ^ y)
        case .shiftLeft, .shiftRight:
            if let amount = constants[b] {
                return .words(shifted(x, UInt32(amount & 63), isLeft: binary == .shiftLeft, isSigned: isSigned))
            }
            let amount = KernelWords(zeroExtending: y.low & y.low.like(63))
            if binary == .shiftLeft { return .words(x.shiftedLeft(by: amount)) }
            return .words(isSigned ? x.shiftedRightArithmetic(by: amount) : x.shiftedRight(by: amount))
        case .power, .floatRemainder: throw .typeMismatch("\(binary.rawValue) is not defined on \(type(a))")
        }
    }

    /// A shift by a number from 0 to 63 that is known.
    private func shifted(_ x: KernelWords, _ amount: UInt32, isLeft: Bool, isSigned: Bool) -> KernelWords {
        if amount == 0 { return x }
        let part = x.low.like(amount & 31)
        let rest = x.low.like(32 - amount & 31)
        if isLeft {
            if amount >= 32 {
                return KernelWords(low: x.low.like(0), high: amount == 32 ? x.low : x.low.shiftedLeft(by: part))
            }
            let high = x.high.shiftedLeft(by: part) | x.low.shiftedRight(by: rest)
            return KernelWords(low: x.low.shiftedLeft(by: part), high: high)
        }
        func right(_ word: KernelWord, _ amount: KernelWord) -> KernelWord {
            guard isSigned else { return word.shiftedRight(by: amount) }
            let number = word.value.bitcast(to: word.value.type.with(scalar: .int32))
            let shift = amount.value.bitcast(to: number.type)
            return self.word((number >> shift).bitcast(to: word.value.type))
        }
        if amount >= 32 {
            let fill = isSigned ? right(x.high, x.low.like(31)) : x.high.like(0)
            return KernelWords(low: amount == 32 ? x.high : right(x.high, part), high: fill)
        }
        let low = x.low.shiftedRight(by: part) | x.high.shiftedLeft(by: rest)
        return KernelWords(low: low, high: right(x.high, part))
    }
}
