// Heterodyne: tests of single elementwise operations over types, sizes and instruction sets.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

extension HostKernels {
    @Suite struct Elementwise {
        /// Integer semantics in plain Swift: exact, then cut to the width.
        static func integer(_ op: Int, _ t: Scalar, _ x: UInt64, _ y: UInt64, _ z: UInt64) -> UInt64? {
            let (a, b, c) = (t.integer(x), t.integer(y), t.integer(z))
            let width = UInt64(t.bytes * 8)
            let unsigned64 = t == .uint64
            func less(_ p: Int64, _ q: Int64) -> Bool {
                unsigned64 ? UInt64(bitPattern: p) < UInt64(bitPattern: q) : p < q
            }
            func cut(_ v: Int64) -> UInt64 { UInt64(bitPattern: v) & t.mask }
            switch op {
            case HK_OP_COPY, HK_OP_FLOOR: return x
            case HK_OP_NEGATE: return cut(0 &- a)
            case HK_OP_ABS: return t.isSigned && a < 0 ? cut(0 &- a) : x
            case HK_OP_SIGN: return a == 0 ? 0 : t.isSigned && a < 0 ? t.mask : 1
            case HK_OP_RELU: return t.isSigned && a < 0 ? 0 : x
            case HK_OP_ADD: return cut(a &+ b)
            case HK_OP_SUBTRACT: return cut(a &- b)
            case HK_OP_MULTIPLY: return cut(a &* b)
            case HK_OP_DIVIDE:
                if b == 0 { return t.mask }
                if t.isSigned { return b == -1 ? cut(0 &- a) : cut(a / b) }
                return (x & t.mask) / (y & t.mask)
            case HK_OP_REMAINDER:
                if b == 0 { return x }
                if t.isSigned { return b == -1 ? 0 : cut(a % b) }
                return (x & t.mask) % (y & t.mask)
            case HK_OP_POWER:
                if t.isSigned && b < 0 {
                    return a == 0 ? t.mask : a == 1 ? 1 : a == -1 ? (b & 1 == 0 ? 1 : t.mask) : 0
                }
                var (result, base, exponent): (Int64, Int64, UInt64) = (1, a, y & t.mask)
                while exponent != 0 {
                    if exponent & 1 == 1 { result = result &* base }
                    base = base &* base
                    exponent >>= 1
                }
                return cut(result)
            case HK_OP_MAXIMUM: return less(a, b) ? y : x
            case HK_OP_MINIMUM: return less(b, a) ? y : x
            case HK_OP_AND: return x & y
            case HK_OP_OR: return x | y
            case HK_OP_XOR: return x ^ y
            case HK_OP_SHIFT_LEFT: return (y & t.mask) >= width ? 0 : (x << y) & t.mask
            case HK_OP_SHIFT_RIGHT:
                if (y & t.mask) >= width { return t.isSigned && a < 0 ? t.mask : 0 }
                return t.isSigned ? cut(a >> Int64(y & t.mask)) : (x & t.mask) >> y
            case HK_OP_CLAMP:
                let low = less(a, b) ? b : a
                return cut(less(c, low) ? c : low)
            case HK_OP_FMA: return cut(a &* b &+ c)
            case HK_OP_EQ: return a == b ? 1 : 0
            case HK_OP_NE: return a != b ? 1 : 0
            case HK_OP_LT: return less(a, b) ? 1 : 0
            case HK_OP_LE: return less(b, a) ? 0 : 1
            case HK_OP_GT: return less(b, a) ? 1 : 0
            case HK_OP_GE: return less(a, b) ? 0 : 1
            default: return nil
            }
        }

        static let integerOps =
            [HK_OP_COPY, HK_OP_NEGATE, HK_OP_ABS, HK_OP_FLOOR, HK_OP_SIGN, HK_OP_RELU, HK_OP_CLAMP, HK_OP_FMA]
            + Array(HK_OP_ADD...HK_OP_SHIFT_RIGHT) + Array(HK_OP_EQ...HK_OP_GE)

        @Test(arguments: Scalar.integers, levels)
        func integers(type: Scalar, level: Int) {
            var random = Random(Int(type.code))
            for op in Self.integerOps {
                for size in [0, 1, 7, 65, 257] {
                    let (a, b, c) = (
                        Storage(type, (0..<size).map { _ in random.bits(type) }),
                        Storage(type, (0..<size).map { _ in random.bits(type) }),
                        Storage(type, (0..<size).map { _ in random.bits(type) })
                    )
                    if op == HK_OP_SHIFT_LEFT || op == HK_OP_SHIFT_RIGHT {
                        for i in 0..<size where i % 3 != 0 { b[i] = UInt64(i % (type.bytes * 8 + 3)) }
                    }
                    let result = Storage(op >= HK_OP_EQ && op <= HK_OP_GE ? .bool : type, count: size)
                    let status = atLevel(level) {
                        hk_apply(UInt16(op), type.code, 0, result.base, a.base, b.base, c.base, Int64(size))
                    }
                    #expect(status == HK_OK)
                    #expect(result.guardsIntact)
                    for i in 0..<size {
                        let want = Self.integer(op, type, a[i], b[i], c[i])
                        if result[i] != want {
                            Issue.record(
                                "op \(op) \(a[i]) \(b[i]) \(c[i]): \(result[i]), not \(String(describing: want))")
                            break
                        }
                    }
                }
            }
        }

        /// Float operations that one rounding defines, in double (exact enough for the narrow types; float64 itself).
        static func float(_ op: Int, _ x: Double, _ y: Double, _ z: Double) -> Double? {
            func maximum(_ p: Double, _ q: Double) -> Double {
                p.isNaN || q.isNaN ? .nan : p == q ? (p.sign == .minus ? q : p) : max(p, q)
            }
            func minimum(_ p: Double, _ q: Double) -> Double {
                p.isNaN || q.isNaN ? .nan : p == q ? (p.sign == .minus ? p : q) : min(p, q)
            }
            switch op {
            case HK_OP_NEGATE: return -x
            case HK_OP_ABS: return abs(x)
            case HK_OP_FLOOR: return x.rounded(.down)
            case HK_OP_CEIL: return x.rounded(.up)
            case HK_OP_ROUND_EVEN: return x.rounded(.toNearestOrEven)
            case HK_OP_SQRT: return x.squareRoot()
            case HK_OP_RELU: return maximum(x, 0)
            case HK_OP_SIGN: return x > 0 ? 1 : x < 0 ? -1 : x
            case HK_OP_RECIPROCAL: return 1 / x
            case HK_OP_ADD: return x + y
            case HK_OP_SUBTRACT: return x - y
            case HK_OP_MULTIPLY: return x * y
            case HK_OP_DIVIDE: return x / y
            case HK_OP_REMAINDER: return fmod(x, y)
            case HK_OP_MAXIMUM: return maximum(x, y)
            case HK_OP_MINIMUM: return minimum(x, y)
            case HK_OP_CLAMP: return minimum(maximum(x, y), z)
            case HK_OP_EQ: return x == y ? 1 : 0
            case HK_OP_NE: return x != y ? 1 : 0
            case HK_OP_LT: return x < y ? 1 : 0
            case HK_OP_LE: return x <= y ? 1 : 0
            case HK_OP_GT: return x > y ? 1 : 0
            case HK_OP_GE: return x >= y ? 1 : 0
            default: return nil
            }
        }

        static let floatOps = [
            HK_OP_NEGATE, HK_OP_ABS, HK_OP_FLOOR, HK_OP_CEIL, HK_OP_ROUND_EVEN, HK_OP_SQRT, HK_OP_RELU, HK_OP_SIGN,
            HK_OP_RECIPROCAL, HK_OP_ADD, HK_OP_SUBTRACT, HK_OP_MULTIPLY, HK_OP_DIVIDE, HK_OP_REMAINDER, HK_OP_MAXIMUM,
            HK_OP_MINIMUM, HK_OP_CLAMP, HK_OP_EQ, HK_OP_NE, HK_OP_LT, HK_OP_LE, HK_OP_GT, HK_OP_GE,
        ]

        /// Exact: double arithmetic on narrower operands rounds innocuously (53 >= 2 * 24 + 2), and the narrow types
        /// are defined as float32 arithmetic rounded once more.
        @Test(arguments: Scalar.floats, levels)
        func exactFloats(type: Scalar, level: Int) {
            var random = Random(Int(type.code) + 100)
            for op in Self.floatOps {
                for size in [1, 33, 257] {
                    let compares = op >= HK_OP_EQ && op <= HK_OP_GE
                    let (a, b, c) = (
                        Storage(type, (0..<size).map { _ in random.bits(type) }),
                        Storage(type, (0..<size).map { _ in random.bits(type) }),
                        Storage(type, (0..<size).map { _ in random.bits(type) })
                    )
                    let result = Storage(compares ? .bool : type, count: size)
                    let status = atLevel(level) {
                        hk_apply(UInt16(op), type.code, 0, result.base, a.base, b.base, c.base, Int64(size))
                    }
                    #expect(status == HK_OK)
                    #expect(result.guardsIntact)
                    for i in 0..<size {
                        let (x, y, z) = (type.number(a[i]), type.number(b[i]), type.number(c[i]))
                        guard let exact = Self.float(op, x, y, z) else { continue }
                        let want: UInt64
                        if compares {
                            want = UInt64(exact)
                        } else if type == .float64 {
                            want = exact.bitPattern
                        } else {
                            want = type.bits(Double(Float(exact)))
                        }
                        if !result.type.same(result[i], want) {
                            Issue.record("op \(op) of \(x), \(y), \(z): \(result.type.number(result[i])), not \(exact)")
                            break
                        }
                    }
                }
            }
        }

        @Test(arguments: levels)
        func fusedMultiplyAdd(level: Int) {
            var random = Random(5)
            let n = 129
            let a = Storage(.float32, numbers: random.floats(n, -3, 3))
            let b = Storage(.float32, numbers: random.floats(n, -3, 3))
            let c = Storage(.float32, numbers: random.floats(n, -3, 3))
            let result = Storage(.float32, count: n)
            atLevel(level) {
                #expect(
                    hk_apply(UInt16(HK_OP_FMA), UInt8(HK_F32), 0, result.base, a.base, b.base, c.base, Int64(n))
                        == HK_OK)
            }
            for i in 0..<n {
                let want = c.floats[i].addingProduct(a.floats[i], b.floats[i])
                #expect(result.floats[i] == want)
            }
        }

        @Test(arguments: Scalar.all, levels)
        func selectAndCompareBitsOfEveryType(type: Scalar, level: Int) {
            var random = Random(7)
            for size in [1, 65, 2049] {
                let mask = Storage(.bool, (0..<size).map { _ in random.next() & 1 })
                let a = Storage(type, (0..<size).map { _ in random.bits(type) })
                let b = Storage(type, (0..<size).map { _ in random.bits(type) })
                let result = Storage(type, count: size)
                atLevel(level) {
                    #expect(
                        hk_apply(
                            UInt16(HK_OP_SELECT), type.code, 0, result.base, mask.base, a.base, b.base, Int64(size))
                            == HK_OK)
                }
                #expect(result.guardsIntact)
                #expect((0..<size).allSatisfy { type.same(result[$0], mask[$0] == 1 ? a[$0] : b[$0]) })
            }
        }

        @Test func refusesWhatATypeDoesNotHave() {
            let byte = Storage(.float64, count: 1).base
            #expect(hk_apply(UInt16(HK_OP_EXP), UInt8(HK_INT32), 0, byte, byte, nil, nil, 0) == HK_ERR_TYPE)
            #expect(hk_apply(UInt16(HK_OP_AND), UInt8(HK_F32), 0, byte, byte, byte, nil, 0) == HK_ERR_TYPE)
            #expect(hk_apply(UInt16(HK_OP_ADD), UInt8(HK_INT4), 0, byte, byte, byte, nil, 0) == HK_ERR_TYPE)
            #expect(hk_apply(UInt16(HK_OP_ADD), 99, 0, byte, byte, byte, nil, 0) == HK_ERR_TYPE)
            #expect(hk_apply(63, UInt8(HK_F32), 0, byte, byte, byte, nil, 0) == HK_ERR_ARGUMENT)
            #expect(hk_apply(500, UInt8(HK_F32), 0, byte, byte, byte, nil, 0) == HK_ERR_ARGUMENT)
            #expect(
                hk_apply(UInt16(HK_OP_BITCAST), UInt8(HK_F32), UInt8(HK_INT64), byte, byte, nil, nil, 0) == HK_ERR_TYPE)
        }
    }
}
