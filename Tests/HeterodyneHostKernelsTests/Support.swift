// Heterodyne: what the tests of the host kernels share: scalar formats in plain Swift, random data, error metrics.
// SPDX-License-Identifier: Apache-2.0
import CHostKernels
import Foundation
import Testing

/// All tests of the C kernels. Serialized: some lower the instruction set for the whole process.
@Suite(.serialized)
struct HostKernels {}

/// The instruction sets that this machine can run, best last.
let levels = Array(0...Int(hk_cpu_level_supported()))

/// Sizes around every vector and tile width.
let oddSizes = [0, 1, 3, 7, 31, 33, 63, 65, 127, 129, 255, 257, 2049, 4097]

/// Runs `body` at an instruction set and goes back to the best one.
func atLevel<R>(_ level: Int, _ body: () throws -> R) rethrows -> R {
    hk_cpu_set_level(Int32(level))
    defer { hk_cpu_set_level(hk_cpu_level_supported()) }
    return try body()
}

/// A scalar type as the tests see it: bits in, number out, written independently of the kernels.
struct Scalar: CustomTestStringConvertible, Sendable, Equatable {
    let code: UInt8
    let name: String
    let bytes: Int
    var testDescription: String { name }

    init(_ code: Int, _ name: String, _ bytes: Int) {
        self.code = UInt8(code)
        self.name = name
        self.bytes = bytes
    }

    static let bool = Scalar(HK_BOOL, "bool", 1)
    static let int8 = Scalar(HK_INT8, "int8", 1)
    static let int16 = Scalar(HK_INT16, "int16", 2)
    static let int32 = Scalar(HK_INT32, "int32", 4)
    static let int64 = Scalar(HK_INT64, "int64", 8)
    static let uint8 = Scalar(HK_UINT8, "uint8", 1)
    static let uint16 = Scalar(HK_UINT16, "uint16", 2)
    static let uint32 = Scalar(HK_UINT32, "uint32", 4)
    static let uint64 = Scalar(HK_UINT64, "uint64", 8)
    static let e4m3 = Scalar(HK_F8E4M3, "float8e4m3fn", 1)
    static let e5m2 = Scalar(HK_F8E5M2, "float8e5m2", 1)
    static let float16 = Scalar(HK_F16, "float16", 2)
    static let bfloat16 = Scalar(HK_BF16, "bfloat16", 2)
    static let float32 = Scalar(HK_F32, "float32", 4)
    static let float64 = Scalar(HK_F64, "float64", 8)

    static let integers = [int8, int16, int32, int64, uint8, uint16, uint32, uint64]
    static let floats = [float16, bfloat16, float32, float64]
    static let all = [bool] + integers + [e4m3, e5m2] + floats

    var isFloat: Bool { Int(code) >= HK_F8E4M3 }
    var isSigned: Bool { (HK_INT8...HK_INT64).contains(Int(code)) }
    var mask: UInt64 { bytes == 8 ? .max : (1 << UInt64(bytes * 8)) - 1 }

    /// The integer that the bits stand for, sign-extended (unsigned 64-bit ones keep their bits).
    func integer(_ bits: UInt64) -> Int64 {
        guard isSigned, bytes < 8 else { return Int64(bitPattern: bits & mask) }
        let shift = UInt64(64 - bytes * 8)
        return Int64(bitPattern: bits << shift) >> Int64(shift)
    }

    /// The number that the bits stand for (rounded for 64-bit integers beyond 2^53).
    func number(_ bits: UInt64) -> Double {
        switch self {
        case .e4m3: return Self.small(bits, mantissa: 3, bias: 7, hasInfinity: false)
        case .e5m2: return Self.small(bits, mantissa: 2, bias: 15, hasInfinity: true)
        case .float16: return Self.small(bits, mantissa: 10, bias: 15, hasInfinity: true)
        case .bfloat16: return Double(Float(bitPattern: UInt32(bits) << 16))
        case .float32: return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
        case .float64: return Double(bitPattern: bits)
        case .uint64: return Double(bits)
        default: return Double(integer(bits))
        }
    }

    private static func small(_ bits: UInt64, mantissa: Int, bias: Int, hasInfinity: Bool) -> Double {
        let width = hasInfinity && mantissa == 10 ? 16 : 8
        let exponentBits = width - 1 - mantissa
        let exponent = Int(bits >> UInt64(mantissa)) & (1 << exponentBits - 1)
        let fraction = Int(bits) & (1 << mantissa - 1)
        let sign: Double = bits >> UInt64(width - 1) & 1 == 1 ? -1 : 1
        if exponent == 1 << exponentBits - 1 {
            if hasInfinity { return fraction == 0 ? sign * .infinity : .nan }
            if fraction == 1 << mantissa - 1 { return .nan }
        }
        let significand = exponent == 0 ? Double(fraction) : Double(fraction + 1 << mantissa)
        return sign * significand * pow(2, Double(max(exponent, 1) - bias - mantissa))
    }

    /// The bits nearest to a number (ties to even); integers truncate and saturate, NaN gives 0. `tie` breaks what the
    /// double itself cannot show: the sign of (exact value - number).
    func bits(_ x: Double, tie: Int = 0) -> UInt64 {
        switch self {
        case .bool: return x != 0 ? 1 : 0
        case .float64: return x.bitPattern
        case .float32 where tie == 0: return UInt64(Float(x).bitPattern)
        case .float32, .float16, .bfloat16, .e4m3, .e5m2: return roundedBits(x, tie)
        default:
            if x.isNaN { return 0 }
            let low = isSigned ? -pow(2, Double(bytes * 8 - 1)) : 0
            let high = pow(2, Double(bytes * 8 - (isSigned ? 1 : 0)))
            if x <= low { return UInt64(bitPattern: Int64(low)) & mask }
            if x >= high { return isSigned ? mask >> 1 : mask }
            return self == .uint64 ? UInt64(x) : UInt64(bitPattern: Int64(x)) & mask
        }
    }

    /// Rounding by search: the two neighbours among all values of the format, by bisection over the magnitude bits.
    private func roundedBits(_ x: Double, _ tie: Int) -> UInt64 {
        let signBit: UInt64 = 1 << UInt64(bytes * 8 - 1)
        let top: UInt64 =
            switch self {
            case .e4m3: 0x7E
            case .e5m2: 0x7B
            case .float16: 0x7BFF
            case .bfloat16: 0x7F7F
            default: 0x7F7F_FFFF
            }
        let infinity = self == .e4m3 ? 0x7F : top + 1
        if x.isNaN { return self == .e4m3 ? 0x7F : infinity | (infinity >> 1 & ~infinity) | 1 }
        let sign = x.sign == .minus ? signBit : 0
        let magnitude = abs(x)
        var low: UInt64 = 0
        var high = top
        while low < high {
            let middle = (low + high + 1) / 2
            if number(middle) <= magnitude { low = middle } else { high = middle - 1 }
        }
        if low == top {
            let step = number(top) - number(top - 1)
            let half = number(top) + step / 2
            if magnitude > half || (magnitude == half && (tie > 0 || top & 1 == 1)) { return sign | infinity }
            return sign | top
        }
        let below = magnitude - number(low)
        let above = number(low + 1) - magnitude
        if below == above { return sign | (tie > 0 ? low + 1 : tie < 0 ? low : low + (low & 1)) }
        return sign | (below < above ? low : low + 1)
    }

    func isNaN(_ bits: UInt64) -> Bool { isFloat && number(bits).isNaN }

    /// Equal bits, or both NaN.
    func same(_ a: UInt64, _ b: UInt64) -> Bool { a & mask == b & mask || (isNaN(a) && isNaN(b)) }
}

/// A buffer of scalars with guard bytes on both sides.
final class Storage {
    let type: Scalar
    let count: Int
    private let memory: UnsafeMutableRawPointer
    private static let guardBytes = 64

    init(_ type: Scalar, count: Int) {
        self.type = type
        self.count = count
        memory = .allocate(byteCount: count * type.bytes + 2 * Self.guardBytes, alignment: 64)
        memory.initializeMemory(as: UInt8.self, repeating: 0xA5, count: count * type.bytes + 2 * Self.guardBytes)
    }

    convenience init(_ type: Scalar, _ bits: [UInt64]) {
        self.init(type, count: bits.count)
        for (index, value) in bits.enumerated() { self[index] = value }
    }

    convenience init(_ type: Scalar, numbers: [Double]) { self.init(type, numbers.map { type.bits($0) }) }

    deinit { memory.deallocate() }

    var base: UnsafeMutableRawPointer { memory + Self.guardBytes }
    func at(_ index: Int) -> UnsafeMutableRawPointer { base + index * type.bytes }

    subscript(index: Int) -> UInt64 {
        get {
            var value: UInt64 = 0
            withUnsafeMutableBytes(of: &value) {
                $0.copyMemory(from: .init(start: base + index * type.bytes, count: type.bytes))
            }
            return value
        }
        set {
            var value = newValue
            withUnsafeBytes(of: &value) {
                (base + index * type.bytes).copyMemory(from: $0.baseAddress!, byteCount: type.bytes)
            }
        }
    }

    var bits: [UInt64] { (0..<count).map { self[$0] } }
    var numbers: [Double] { bits.map { type.number($0) } }
    var floats: UnsafeMutablePointer<Float> { base.assumingMemoryBound(to: Float.self) }
    var doubles: UnsafeMutablePointer<Double> { base.assumingMemoryBound(to: Double.self) }

    /// Whether nothing was written outside.
    var guardsIntact: Bool {
        let bytes = memory.assumingMemoryBound(to: UInt8.self)
        let end = Self.guardBytes + count * type.bytes
        return (0..<Self.guardBytes).allSatisfy { bytes[$0] == 0xA5 && bytes[end + $0] == 0xA5 }
    }
}

/// SplitMix64: the same numbers in every run.
struct Random: RandomNumberGenerator {
    var state: UInt64
    init(_ seed: Int) { state = UInt64(bitPattern: Int64(seed)) &* 0x9E37_79B9_7F4A_7C15 }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
    mutating func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * unit() }
    mutating func floats(_ count: Int, _ low: Double = -1, _ high: Double = 1) -> [Double] {
        (0..<count).map { _ in uniform(low, high) }
    }
    /// Any bits, with many zeros, ones, extremes and (for floats) specials.
    mutating func bits(_ type: Scalar) -> UInt64 {
        if type == .bool { return next() & 1 }
        let edges: [UInt64] =
            type.isFloat
            ? [
                type.bits(0), type.bits(-0.0), type.bits(1), type.bits(-1), type.bits(.infinity), type.bits(-.infinity),
                type.bits(.nan), 1, type.bits(0.5), type.bits(2.5),
            ]
            : [0, 1, 2, type.mask, type.mask >> 1, (type.mask >> 1) + 1, 3, 7]
        return next() % 4 == 0 ? edges[Int(next() % UInt64(edges.count))] : next() & type.mask
    }
}

/// A pool that tests share, wider than the machine on purpose.
let sharedPool = SharedPool()
final class SharedPool: @unchecked Sendable {
    let pointer = hk_pool_create(3)
}

/// Row-major strides.
func rowMajor(_ dims: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: dims.count)
    for d in stride(from: dims.count - 2, through: 0, by: -1) { strides[d] = strides[d + 1] * dims[d + 1] }
    return strides
}

/// All index tuples of a shape, in row-major order.
func positions(_ dims: [Int]) -> [[Int]] {
    dims.reduce([[]]) { partial, size in partial.flatMap { prefix in (0..<size).map { prefix + [$0] } } }
}

func int64s(_ values: [Int]) -> [Int64] { values.map(Int64.init) }
func dot(_ a: [Int], _ b: [Int]) -> Int { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Copies an array into one of C's fixed arrays.
func fill<T, E>(_ tuple: inout T, _ values: [E]) {
    withUnsafeMutableBytes(of: &tuple) { bytes in
        for (i, value) in values.enumerated() {
            bytes.storeBytes(of: value, toByteOffset: i * MemoryLayout<E>.stride, as: E.self)
        }
    }
}
