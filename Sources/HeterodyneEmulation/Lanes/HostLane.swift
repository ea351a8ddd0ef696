// Heterodyne: lanes of one number on the host, for measuring and for judging devices.
// SPDX-License-Identifier: Apache-2.0

/// A float32 number on the host.
public struct HostFloat: FloatLane, Sendable, Hashable {
    /// The number.
    public var value: Float

    /// A number.
    public init(_ value: Float) { self.value = value }

    /// As the protocol says.
    public func like(_ value: Float) -> HostFloat { HostFloat(value) }
    /// As the protocol says.
    public static func + (a: HostFloat, b: HostFloat) -> HostFloat { HostFloat(a.value + b.value) }
    /// As the protocol says.
    public static func - (a: HostFloat, b: HostFloat) -> HostFloat { HostFloat(a.value - b.value) }
    /// As the protocol says.
    public static func * (a: HostFloat, b: HostFloat) -> HostFloat { HostFloat(a.value * b.value) }
    /// As the protocol says.
    public static func / (a: HostFloat, b: HostFloat) -> HostFloat { HostFloat(a.value / b.value) }
    /// As the protocol says.
    public static prefix func - (x: HostFloat) -> HostFloat { HostFloat(-x.value) }
    /// As the protocol says.
    public var magnitude: HostFloat { HostFloat(value.magnitude) }
    /// As the protocol says.
    public var floor: HostFloat { HostFloat(value.rounded(.down)) }
    /// As the protocol says.
    public var squareRoot: HostFloat { HostFloat(value.squareRoot()) }
    /// As the protocol says.
    public func isLess(than b: HostFloat) -> HostMask { HostMask(value < b.value) }
    /// As the protocol says.
    public func isLessOrEqual(to b: HostFloat) -> HostMask { HostMask(value <= b.value) }
    /// As the protocol says.
    public func isEqual(to b: HostFloat) -> HostMask { HostMask(value == b.value) }
    /// As the protocol says.
    public static func select(_ mask: HostMask, _ a: HostFloat, _ b: HostFloat) -> HostFloat { mask.value ? a : b }
    /// As the protocol says.
    public var bits: HostWord { HostWord(value.bitPattern) }
    /// As the protocol says.
    public var truncatedWord: HostWord { HostWord(UInt32(exactly: value.rounded(.towardZero)) ?? 0) }
}

/// A 32-bit word on the host.
public struct HostWord: WordLane, Sendable, Hashable {
    /// The number.
    public var value: UInt32

    /// A word.
    public init(_ value: UInt32) { self.value = value }

    /// As the protocol says.
    public func like(_ value: UInt32) -> HostWord { HostWord(value) }
    /// As the protocol says.
    public static func + (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value &+ b.value) }
    /// As the protocol says.
    public static func - (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value &- b.value) }
    /// As the protocol says.
    public static func * (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value &* b.value) }
    /// As the protocol says.
    public static func & (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value & b.value) }
    /// As the protocol says.
    public static func | (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value | b.value) }
    /// As the protocol says.
    public static func ^ (a: HostWord, b: HostWord) -> HostWord { HostWord(a.value ^ b.value) }
    /// As the protocol says.
    public static prefix func ~ (a: HostWord) -> HostWord { HostWord(~a.value) }
    /// As the protocol says.
    public func shiftedLeft(by b: HostWord) -> HostWord { HostWord(value &<< b.value) }
    /// As the protocol says.
    public func shiftedRight(by b: HostWord) -> HostWord { HostWord(value &>> b.value) }
    /// As the protocol says.
    public func isLess(than b: HostWord) -> HostMask { HostMask(value < b.value) }
    /// As the protocol says.
    public func isEqual(to b: HostWord) -> HostMask { HostMask(value == b.value) }
    /// As the protocol says.
    public static func select(_ mask: HostMask, _ a: HostWord, _ b: HostWord) -> HostWord { mask.value ? a : b }
    /// As the protocol says.
    public var asFloat: HostFloat { HostFloat(Float(bitPattern: value)) }
    /// As the protocol says.
    public var toFloat: HostFloat { HostFloat(Float(value)) }
}

/// A truth value on the host.
public struct HostMask: MaskLane, Sendable, Hashable {
    /// The truth value.
    public var value: Bool

    /// A truth value.
    public init(_ value: Bool) { self.value = value }

    /// As the protocol says.
    public static func & (a: HostMask, b: HostMask) -> HostMask { HostMask(a.value && b.value) }
    /// As the protocol says.
    public static func | (a: HostMask, b: HostMask) -> HostMask { HostMask(a.value || b.value) }
    /// As the protocol says.
    public static prefix func ! (a: HostMask) -> HostMask { HostMask(!a.value) }
}
