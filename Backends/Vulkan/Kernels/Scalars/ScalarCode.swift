// Heterodyne: tensor elements in the registers of kernels.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneGraph
import HeterodyneKernelIR

/// Code for the elements of every tensor type, with the meaning that the graph's primitives have.
///
/// An element is held in a register type of 32 or 64 bits: bool as bool; signed integers of up to 32 bits as i32,
/// unsigned ones as u32; 64-bit integers as themselves; float64 as f64 and all other floats as f32. After every
/// operation narrow integers are sign-extended or masked, and narrow floats rounded to nearest, ties to even. All
/// functions take scalars and vectors of 2 to 4 components.
///
/// float64 needs 64-bit integers beside 64-bit floats (`supports`).
struct ScalarCode {
    let builder: KernelBuilder
    let target: KernelTarget
    /// The math library for a type's registers.
    let single: MathLibrary
    let double: MathLibrary

    init(_ builder: KernelBuilder, _ target: KernelTarget) {
        self.builder = builder
        self.target = target
        single = MathLibrary(builder, usesExactDivision: !target.arithmetic.dividesExactly)
        double = MathLibrary(
            builder, usesExactDivision: !target.arithmetic.dividesExactly64,
            emulatesFloat64: target.emulated.contains(.float64))
    }

    /// The type of registers.
    static func register(_ type: ScalarType) -> KernelType {
        switch type {
        case .bool: .bool
        case .int4, .int8, .int16, .int32: .i32
        case .uint4, .uint8, .uint16, .uint32: .u32
        case .int64: .i64
        case .uint64: .u64
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16, .float32: .f32
        case .float64: .f64
        }
    }

    /// The type of an element in a storage buffer. bool, the 4-bit integers and the 8-bit floats are bytes.
    static func memory(_ type: ScalarType) -> KernelType {
        switch type {
        case .bool, .int4, .uint4, .uint8, .float8e4m3fn, .float8e5m2: .u8
        case .int8: .i8
        case .int16: .i16
        case .uint16: .u16
        case .float16: .f16
        case .bfloat16: .bf16
        case .int32, .uint32, .float32, .int64, .uint64, .float64: register(type)
        }
    }

    /// Whether a device has what the registers of a type need.
    static func supports(_ type: ScalarType, _ target: KernelTarget) -> Bool {
        let hasIntegers = target.features.contains(.int64) || target.emulated.contains(.int64)
        return switch type {
        case .int64, .uint64: hasIntegers
        case .float64: hasIntegers && (target.features.contains(.float64) || target.emulated.contains(.float64))
        default: true
        }
    }

    func math(_ type: ScalarType) -> MathLibrary { type == .float64 ? double : single }

    // MARK: Memory

    /// A value as it lies in memory, brought into a register.
    func decode(_ raw: KernelValue, _ type: ScalarType) -> KernelValue {
        switch type {
        case .bool: raw.converted(to: .uint32) .!= 0
        case .int4, .uint4: wrapped(raw.converted(to: .uint32).converted(to: Self.register(type).scalar), to: type)
        case .float8e4m3fn, .float8e5m2: fromEightBits(raw.converted(to: .uint32), type)
        case .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32, .float64:
            raw.converted(to: Self.register(type).scalar)
        }
    }

    /// A register, whose value the type has, as it lies in memory. 4-bit integers fill their byte, extended.
    func encode(_ value: KernelValue, _ type: ScalarType) -> KernelValue {
        switch type {
        case .bool: builder.select(value, one(value, .uint32), zero(value, .uint32)).converted(to: .uint8)
        case .int4: value.converted(to: .uint32).converted(to: .uint8)
        case .float8e4m3fn, .float8e5m2: eightBits(value, type).converted(to: .uint8)
        case .uint4, .int8, .int16, .int32, .int64, .uint8, .uint16, .uint32, .uint64, .float16, .bfloat16, .float32,
            .float64:
            value.converted(to: Self.memory(type).scalar)
        }
    }

    // MARK: Constants and choice

    /// A literal's bits as a register constant.
    func constant(bits: UInt64, _ type: ScalarType, width: Int = 1) -> KernelValue {
        let register = Self.register(type).with(width: width)
        switch type {
        case .bool: return builder.constant(bits: bits & 0xff == 0 ? 0 : 1, register)
        case .int4, .int8, .int16:
            let shift = UInt64(64 - type.bitWidth)
            let extended = UInt64(bitPattern: Int64(bitPattern: bits << shift) >> Int64(shift))
            return builder.constant(bits: extended & 0xffff_ffff, register)
        case .uint4, .uint8, .uint16, .int32, .uint32, .float32, .int64, .uint64, .float64:
            let mask: UInt64 = type.bitWidth == 64 ? .max : (1 << UInt64(type.bitWidth)) - 1
            return builder.constant(bits: bits & mask, register)
        case .float8e4m3fn, .float8e5m2, .float16, .bfloat16:
            let number = Float(type.number(fromBits: bits))
            return builder.constant(bits: UInt64(number.bitPattern), register)
        }
    }

    /// A number of the type, rounded and saturated as `convert` does.
    func constant(_ number: Double, _ type: ScalarType, width: Int = 1) -> KernelValue {
        constant(bits: type.bits(of: number), type, width: width)
    }

    /// `a` where the condition is true, else `b`.
    func select(_ condition: KernelValue, _ a: KernelValue, _ b: KernelValue) -> KernelValue {
        builder.select(condition, a, b)
    }

    func zero(_ shape: KernelValue, _ scalar: ScalarType) -> KernelValue {
        builder.constant(bits: 0, KernelType(scalar, shape.type.width))
    }
    func one(_ shape: KernelValue, _ scalar: ScalarType) -> KernelValue {
        builder.constant(1, KernelType(scalar, shape.type.width))
    }

    // MARK: Bits of floats

    /// The bits of a float register.
    func word(_ x: KernelValue) -> KernelValue {
        x.bitcast(to: x.type.with(scalar: x.type.bits == 64 ? .uint64 : .uint32))
    }
    /// The bits of a float register, as a signed integer.
    func signedWord(_ x: KernelValue) -> KernelValue {
        x.bitcast(to: x.type.with(scalar: x.type.bits == 64 ? .int64 : .int32))
    }
    /// The float register with these bits.
    func float(_ bits: KernelValue) -> KernelValue {
        bits.bitcast(to: bits.type.with(scalar: bits.type.bits == 64 ? .float64 : .float32))
    }
    /// All bits but the sign.
    func magnitude(_ bits: KernelValue) -> KernelValue {
        bits & builder.constant(bits: UInt64.max >> UInt64(65 - bits.type.bits), bits.type)
    }
    /// The bits of infinity.
    func infinity(_ bits: KernelValue) -> KernelValue {
        builder.constant(bits: bits.type.bits == 64 ? 0x7ff0_0000_0000_0000 : 0x7f80_0000, bits.type)
    }
    /// Whether a float register is no number; by its bits, which no driver optimizes away.
    func isNaN(_ x: KernelValue) -> KernelValue {
        if target.emulates(x) { return x.isNaN }
        let bits = magnitude(word(x))
        return bits .> infinity(bits)
    }
}
