// Heterodyne: the math library against 80-bit arithmetic, run in the interpreter.
// SPDX-License-Identifier: Apache-2.0

#if arch(x86_64)
import Foundation
import HeterodyneGraph
import HeterodyneKernelIR
import Testing

/// A function of the library, its true value, where it is sampled, and its bound in units in the last place.
struct MathCase: Sendable, CustomTestStringConvertible {
    let name: String
    let bound: Float80
    let range: ClosedRange<Double>
    var isLogarithmic = false
    let function: @Sendable (MathLibrary, KernelValue) -> KernelValue
    let truth: @Sendable (Float80) -> Float80
    var testDescription: String { "\(name) \(range)" }

    static let all: [MathCase] = [
        MathCase(name: "exp", bound: 2, range: -103...88, function: { $0.exponential($1) }, truth: { exp($0) }),
        MathCase(
            name: "expm1", bound: 3, range: -20...88, function: { $0.exponentialMinusOne($1) },
            truth: { expm1($0) }),
        MathCase(
            name: "expm1", bound: 3, range: 1e-37...1, isLogarithmic: true,
            function: { $0.exponentialMinusOne($1) }, truth: { expm1($0) }),
        MathCase(
            name: "log", bound: 2, range: 1e-44...1e38, isLogarithmic: true, function: { $0.logarithm($1) },
            truth: { log($0) }),
        MathCase(name: "log", bound: 2, range: 0.5...2, function: { $0.logarithm($1) }, truth: { log($0) }),
        MathCase(
            name: "log1p", bound: 3, range: -0.999...1, function: { $0.logarithmOnePlus($1) },
            truth: { log1p($0) }),
        MathCase(
            name: "log1p", bound: 3, range: 1e-30...1e38, isLogarithmic: true,
            function: { $0.logarithmOnePlus($1) }, truth: { log1p($0) }),
        MathCase(name: "sin", bound: 4, range: -40...40, function: { $0.sine($1) }, truth: { sin($0) }),
        MathCase(name: "cos", bound: 4, range: -1000...1000, function: { $0.cosine($1) }, truth: { cos($0) }),
        MathCase(name: "tanh", bound: 4, range: -10...10, function: { $0.hyperbolicTangent($1) }, truth: { tanh($0) }),
        MathCase(
            name: "sigmoid", bound: 4, range: -80...20, function: { $0.sigmoid($1) }, truth: { 1 / (1 + exp(-$0)) }),
        MathCase(name: "erf", bound: 4, range: -6...6, function: { $0.errorFunction($1) }, truth: { erf($0) }),
        MathCase(
            name: "erf", bound: 4, range: 1e-37...1, isLogarithmic: true, function: { $0.errorFunction($1) },
            truth: { erf($0) }),
        MathCase(
            name: "sin", bound: 4, range: 1e-3...3e38, isLogarithmic: true, function: { $0.sine($1) },
            truth: { sin($0) }),
        MathCase(
            name: "cos", bound: 4, range: 1e-3...3e38, isLogarithmic: true, function: { $0.cosine($1) },
            truth: { cos($0) }),
        MathCase(
            name: "softplus", bound: 4, range: -80...80, function: { $0.softplus($1) }, truth: { log1p(exp($0)) }),
        MathCase(
            name: "silu", bound: 5, range: -80...20, function: { $1 * $0.sigmoid($1) }, truth: { $0 / (1 + exp(-$0)) }),
        MathCase(
            name: "power 1.75^x", bound: 2, range: -150...150, function: { $0.power($1.like(1.75), $1) },
            truth: { pow(1.75, $0) }),
        MathCase(
            name: "power x^2.5", bound: 2, range: 1e-10...1e10, isLogarithmic: true,
            function: { $0.power($1, $1.like(2.5)) }, truth: { pow($0, 2.5) }),
        MathCase(
            name: "power x^-80", bound: 2, range: 0.4...2.5, function: { $0.power($1, $1.like(-80.0)) },
            truth: { pow($0, -80) }),
        MathCase(
            name: "power x^x", bound: 2, range: 1e-3...26, function: { $0.power($1, $1) }, truth: { pow($0, $0) }),
    ]
}

/// Runs a function of one or two arguments, given and returned as bits, over many elements.
func evaluate(
    _ type: KernelType, _ inputs: [[UInt64]], _ multiplyAdd: SPIRVOptions.MultiplyAdd = .fused,
    floats: FloatBehaviour = .exact, _ function: (MathLibrary, [KernelValue]) -> KernelValue
) throws -> [UInt64] {
    let count = inputs[0].count
    let k = KernelBuilder("math", workgroup: [256])
    let sources = inputs.indices.map { k.buffer("in\($0)", type, .read) }
    let output = k.buffer("out", type, .write)
    let i = k.globalID(.x)
    k.if(i .< k.constant(count, .u32)) { output[i] = function(MathLibrary(k), sources.map { $0[i] }) }
    let kernel = try k.finish()
    func pack(_ words: [UInt64]) -> [UInt8] {
        type == .f64 ? bytes(words) : bytes(words.map { UInt32(truncatingIfNeeded: $0) })
    }
    var buffers = Dictionary(uniqueKeysWithValues: inputs.enumerated().map { ($0, pack($1)) })
    buffers[inputs.count] = pack([UInt64](repeating: 0, count: count))
    let interpreter = KernelInterpreter(multiplyAdd: multiplyAdd, floats: floats)
    try interpreter.run(kernel, groups: [(count + 255) / 256], buffers: &buffers)
    return type == .f64
        ? array(buffers[inputs.count], of: UInt64.self)
        : array(buffers[inputs.count], of: UInt32.self).map(UInt64.init)
}

func number(_ bits: UInt64, _ type: KernelType) -> Float80 {
    type == .f64 ? Float80(Double(bitPattern: bits)) : Float80(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
}
func word(_ value: Double, _ type: KernelType) -> UInt64 {
    type == .f64 ? value.bitPattern : UInt64(Float(value).bitPattern)
}

/// The distance in units in the last place that the true value has in the type.
func distance(_ bits: UInt64, _ truth: Float80, _ type: KernelType) -> Float80 {
    let value = number(bits, type)
    if type == .f64 {
        if Double(truth).isInfinite || truth.isNaN { return value == Float80(Double(truth)) ? 0 : .infinity }
        return abs(value - truth) / Float80(Double(truth).ulp)
    }
    if Float(truth).isInfinite || truth.isNaN { return value == Float80(Float(truth)) ? 0 : .infinity }
    return abs(value - truth) / Float80(Float(truth).ulp)
}

@Suite("Math library")
struct MathTests {
    @Test("Error bounds", arguments: MathCase.all, [KernelType.f32, .f64])
    func bounds(_ item: MathCase, type: KernelType) throws {
        let count = 1024
        let (low, high) = (item.range.lowerBound, item.range.upperBound)
        let samples = (0..<count).map { index -> UInt64 in
            let t = Double(index) / Double(count - 1)
            return word(item.isLogarithmic ? low * pow(high / low, t) : low + (high - low) * t, type)
        }
        for mode in SPIRVOptions.MultiplyAdd.allCases {
            for usesExactDivision in [false, true] {
                let results = try evaluate(type, [samples], mode) {
                    item.function(MathLibrary($0.builder, usesExactDivision: usesExactDivision), $1[0])
                }
                var worst: Float80 = 0
                var place: Float80 = 0
                for (sample, result) in zip(samples, results) {
                    let x = number(sample, type)
                    let error = distance(result, item.truth(x), type)
                    if !(error <= worst) { (worst, place) = (error, x) }
                }
                #expect(worst <= item.bound, "\(item.name) \(type) \(mode): \(worst) ULP at \(place)")
            }
        }
    }

    /// Quotients 3 units off, as Vulkan allows them, and no denormals.
    @Test("Error bounds on a device that is as bad as Vulkan allows", arguments: MathCase.all, [KernelType.f32, .f64])
    func looseDevice(_ item: MathCase, type: KernelType) throws {
        let count = 600
        let (low, high) = (item.range.lowerBound, item.range.upperBound)
        let least = type == .f64 ? Float80(Double.leastNormalMagnitude) : Float80(Float.leastNormalMagnitude)
        let samples = (0..<count).map { index -> UInt64 in
            let t = (Double(index) + 0.5) / Double(count)
            return word(item.isLogarithmic ? low * pow(high / low, t) : low + (high - low) * t, type)
        }
        for mode in SPIRVOptions.MultiplyAdd.allCases {
            let floats = FloatBehaviour(flushesDenormals: true, looseUnits: 3)
            let results = try evaluate(type, [samples], mode, floats: floats) {
                item.function(MathLibrary($0.builder, usesExactDivision: true), $1[0])
            }
            for (sample, result) in zip(samples, results) {
                let x = number(sample, type)
                let truth = item.truth(x)
                guard abs(x) >= least, abs(truth) >= least else { continue }
                let error = distance(result, truth, type)
                #expect(error <= item.bound, "\(item.name) \(type) \(mode): \(error) ULP at \(x)")
            }
        }
    }

    @Test("Denormals that a device flushes count as zeros", arguments: [KernelType.f32, .f64])
    func flushed(type: KernelType) throws {
        let tiny = type == .f64 ? Double.leastNormalMagnitude / 1024 : 1e-40
        let samples = [word(tiny, type), word(-tiny, type)]
        let zeros = [word(0, type), word(-0.0, type)]
        let floats = FloatBehaviour(flushesDenormals: true)
        for (name, function) in Self.functions where !["remainder", "divide", "squareRoot"].contains(name) {
            let found = try evaluate(type, [samples], floats: floats) { function($0, $1[0]) }
            let expected = try evaluate(type, [zeros]) { function($0, $1[0]) }
            for (a, b) in zip(found, expected) {
                let (x, y) = (number(a, type), number(b, type))
                // Functions that are the identity near zero may let the bits through.
                #expect(x == y || abs(x) <= abs(number(samples[0], type)) && y == 0, "\(name): \(x), not \(y)")
            }
        }
    }

    @Test("gelu", arguments: SPIRVOptions.MultiplyAdd.allCases, [false, true])
    func gelu(mode: SPIRVOptions.MultiplyAdd, usesExactDivision: Bool) throws {
        let samples = (0..<2000).map { word(-12.8 + 20.8 * Double($0) / 1999, .f32) } + [word(-0.0, .f32)]
        let erfForm = try evaluate(.f32, [samples], mode) {
            MathLibrary($0.builder, usesExactDivision: usesExactDivision).gelu($1[0])
        }
        let tanhForm = try evaluate(.f32, [samples], mode) { $0.geluTanh($1[0]) }
        for (index, sample) in samples.enumerated() {
            let x = number(sample, .f32)
            let truth = 0.5 * x * erfc(-x / Float80(2).squareRoot())
            #expect(distance(erfForm[index], truth, .f32) <= 6, "gelu of \(x)")
            let u = (2 / Float80.pi).squareRoot() * (x + 0.044715 * x * x * x)
            let other = x / (1 + exp(-2 * u))
            let error = abs(number(tanhForm[index], .f32) - other)
            #expect(error <= 4e-7 * (1 + 2 * abs(u)) * abs(other) + 1e-38, "gelu by tanh of \(x)")
        }
    }

    /// Every function of one float32, by name.
    static let functions: [(String, @Sendable (MathLibrary, KernelValue) -> KernelValue)] = [
        ("exp", { $0.exponential($1) }), ("expm1", { $0.exponentialMinusOne($1) }), ("log", { $0.logarithm($1) }),
        ("log1p", { $0.logarithmOnePlus($1) }), ("sin", { $0.sine($1) }), ("cos", { $0.cosine($1) }),
        ("tanh", { $0.hyperbolicTangent($1) }), ("erf", { $0.errorFunction($1) }), ("sigmoid", { $0.sigmoid($1) }),
        ("softplus", { $0.softplus($1) }), ("gelu", { $0.gelu($1) }), ("geluTanh", { $0.geluTanh($1) }),
        ("power", { $0.power($1, $1) }), ("remainder", { $0.remainder($1, $1.like(0.7)) }),
        ("divide", { $0.divide($1.like(1.0), $1) }), ("squareRoot", { $0.squareRoot($1) }),
    ]

    @Test("Vectors give what their components give", arguments: [KernelType.f32, .f64])
    func vectors(type: KernelType) throws {
        let samples: [Double] = [0.3, -7.25, 1e5, -0.0, 1e30, .infinity, 3, 1e-3]
        let words = samples.map { word($0, type) }
        for (name, function) in Self.functions {
            let expected = try evaluate(type, [words]) { function($0, $1[0]) }
            for width in 2...4 {
                let found = try evaluate(type, [words]) { math, x in
                    let k = math.builder
                    // The component at the end is the one that is looked at.
                    let other = x[0].like(0.5)
                    let parts = [other, other, other].prefix(width - 1) + [x[0]]
                    let vector =
                        switch width {
                        case 2: k.vector(parts[0], parts[1])
                        case 3: k.vector(parts[0], parts[1], parts[2])
                        default: k.vector(parts[0], parts[1], parts[2], parts[3])
                        }
                    return function(math, vector)[width - 1]
                }
                for index in words.indices {
                    let isNaN = number(expected[index], type).isNaN && number(found[index], type).isNaN
                    #expect(isNaN || found[index] == expected[index], "\(name) of \(samples[index]) by \(width)")
                }
            }
        }
    }

    @Test("float32 needs nothing of a device but 32 bits")
    func narrowDevice() throws {
        for (name, function) in Self.functions {
            for width in [1, 4] {
                let k = KernelBuilder(name, workgroup: [64])
                let data = k.buffer("data", KernelType(.float32, width), .readWrite)
                let i = k.globalID(.x)
                data[i] = function(MathLibrary(k, usesExactDivision: true), data[i])
                let kernel = try k.finish()
                let options = SPIRVOptions(version: .v13, multiplyAdd: .uncontracted, capabilities: ["Shader"])
                let module = try kernel.spirv(options)
                #expect(module.capabilities == ["Shader"], "\(name)")
                if Validator.path != nil { try Validator.expectValid(kernel, options) }
            }
        }
    }

    @Test("Huge angles", arguments: [KernelType.f32, .f64])
    func hugeAngles(type: KernelType) throws {
        // The host's C library is right to a unit but for the very nearest neighbours of multiples of pi/2, see below.
        var samples = (0..<300).map { word(1.1e6 * pow(1.27, Double($0)), type) }
        samples = samples.filter { number($0, type).isFinite } + [word(-2.5e9, type)]
        for isSine in [true, false] {
            let results = try evaluate(type, [samples]) { isSine ? $0.sine($1[0]) : $0.cosine($1[0]) }
            for (sample, result) in zip(samples, results) {
                let x = Double(number(sample, type))
                let error = distance(result, Float80(isSine ? sin(x) : cos(x)), type)
                #expect(error <= 4, "\(isSine ? "sin" : "cos") \(type) of \(x): \(error) ULP")
            }
        }
    }

    @Test("The double that comes nearest to a multiple of pi/2")
    func worstAngle() throws {
        // The true value comes from 2000-bit arithmetic; the host's C library is 8 units off here.
        let results = try evaluate(.f64, [[(6_381_956_970_095_103 * 0x1p797).bitPattern]]) { $0.cosine($1[0]) }
        #expect(distance(results[0], -4.687165924254627611122583e-19, .f64) <= 1)
    }

    static let specials: [Double] = [
        0, -0.0, 1, -1, 2, -2, 3, 0.5, -0.5, 1e-40, -1e-40, .infinity, -.infinity, .nan, 0.1, 1e30, 7, -7,
    ]

    @Test("Specials", arguments: [KernelType.f32, .f64])
    func specials(type: KernelType) throws {
        let samples = Self.specials.map { word($0, type) }
        let functions: [(String, (MathLibrary, KernelValue) -> KernelValue, (Double) -> Double)] = [
            ("exp", { $0.exponential($1) }, { exp($0) }), ("expm1", { $0.exponentialMinusOne($1) }, { expm1($0) }),
            ("log", { $0.logarithm($1) }, { log($0) }), ("log1p", { $0.logarithmOnePlus($1) }, { log1p($0) }),
            ("sin", { $0.sine($1) }, { sin($0) }), ("cos", { $0.cosine($1) }, { cos($0) }),
            ("tanh", { $0.hyperbolicTangent($1) }, { tanh($0) }), ("erf", { $0.errorFunction($1) }, { erf($0) }),
            ("sigmoid", { $0.sigmoid($1) }, { 1 / (1 + exp(-$0)) }),
        ]
        for (name, function, truth) in functions {
            let results = try evaluate(type, [samples]) { function($0, $1[0]) }
            for (sample, result) in zip(samples, results) {
                let expected = truth(Double(number(sample, type)))
                check("\(name)(\(number(sample, type)))", result, expected, type)
            }
        }
    }

    @Test("Specials of power", arguments: [KernelType.f32, .f64])
    func power(type: KernelType) throws {
        let pairs = Self.specials.flatMap { x in Self.specials.map { (word(x, type), word($0, type)) } }
        let results = try evaluate(type, [pairs.map(\.0), pairs.map(\.1)]) { $0.power($1[0], $1[1]) }
        for (pair, result) in zip(pairs, results) {
            let (x, y) = (Double(number(pair.0, type)), Double(number(pair.1, type)))
            check("\(x)^\(y)", result, pow(x, y), type)
        }
    }

    private func check(_ name: String, _ result: UInt64, _ expected: Double, _ type: KernelType) {
        let rounded = number(word(expected, type), type)
        let value = number(result, type)
        let isSame =
            rounded.isNaN
            ? value.isNaN
            : (rounded.isInfinite || rounded == 0
                ? value == rounded && value.sign == rounded.sign : distance(result, Float80(expected), type) <= 4)
        #expect(isSame, "\(name) in \(type): \(value), not \(rounded)")
    }

    /// Bits that look random, and the specials.
    private func mixture(_ count: Int, _ seed: UInt64, _ type: KernelType) -> [UInt64] {
        var state = seed
        let random = (0..<count).map { _ -> UInt64 in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return type == .f64 ? state ^ (state >> 29) : (state ^ (state >> 29)) >> 32
        }
        return random
    }

    @Test("Division and square root are correctly rounded, remainders exact", arguments: [KernelType.f32, .f64])
    func rounded(type: KernelType) throws {
        var (a, b) = (mixture(1500, 1, type), mixture(1500, 2, type))
        // Quotients among the denormals, and denormal operands.
        for index in 0..<500 {
            let denormal = a[index] & (type == .f64 ? 0x000f_ffff_ffff_ffff : 0x007f_ffff)
            if index % 2 == 0 { a[index] = denormal } else { b[index] = denormal }
        }
        let edges = Self.specials.map { word($0, type) }
        for x in edges {
            a += [UInt64](repeating: x, count: edges.count)
            b += edges
        }
        var wrong = 0
        func same(_ result: UInt64, _ expected: UInt64, _ text: @autoclosure () -> String) {
            if number(expected, type).isNaN ? number(result, type).isNaN : result == expected { return }
            wrong += 1
            if wrong < 5 { Issue.record("\(text()): \(number(result, type)), not \(number(expected, type))") }
        }
        // As IEEE 754 has it, and on a device whose own quotients and roots are bad and that flushes denormals.
        let behaviours = [
            (SPIRVOptions.MultiplyAdd.fused, FloatBehaviour.exact), (.uncontracted, .exact),
            (.uncontracted, FloatBehaviour(flushesDenormals: true, looseUnits: 12)),
        ]
        for (mode, floats) in behaviours {
            let quotients = try evaluate(type, [a, b], mode, floats: floats) { $0.divide($1[0], $1[1]) }
            let roots = try evaluate(type, [a], mode, floats: floats) { $0.squareRoot($1[0]) }
            let remainders = try evaluate(type, [a, b], mode, floats: floats) { $0.remainder($1[0], $1[1]) }
            for index in a.indices {
                let (x, y) = (number(a[index], type), number(b[index], type))
                let (quotient, root, remainder): (UInt64, UInt64, UInt64)
                if type == .f64 {
                    quotient = (Double(bitPattern: a[index]) / Double(bitPattern: b[index])).bitPattern
                    root = Double(bitPattern: a[index]).squareRoot().bitPattern
                    remainder = fmod(Double(bitPattern: a[index]), Double(bitPattern: b[index])).bitPattern
                } else {
                    quotient = UInt64((Float(x) / Float(y)).bitPattern)
                    root = UInt64(Float(x).squareRoot().bitPattern)
                    remainder = UInt64(fmodf(Float(x), Float(y)).bitPattern)
                }
                same(quotients[index], quotient, "\(type): \(x) / \(y)")
                same(roots[index], root, "\(type): root of \(x)")
                same(remainders[index], remainder, "\(type): remainder of \(x) by \(y)")
            }
        }
        #expect(wrong == 0)
    }

    @Test(
        "The library is valid SPIR-V", .enabled(if: Validator.path != nil, Validator.reason),
        arguments: [KernelType.f32, .f64])
    func valid(type: KernelType) throws {
        let k = KernelBuilder("library", workgroup: [64])
        let data = k.buffer("data", type, .readWrite)
        let i = k.globalID(.x)
        let math = MathLibrary(k, usesExactDivision: true)
        let x = data[i]
        var sum = math.exponential(x) + math.exponentialMinusOne(x) + math.hyperbolicTangent(x)
        sum = sum + math.sigmoid(x) + math.logarithm(x) + math.logarithmOnePlus(x)
        sum = sum + math.power(x, sum) + math.errorFunction(x) + math.sine(x)
        data[i] = sum + math.cosine(x) + math.divide(x, sum) + math.squareRoot(x)
        let kernel = try k.finish()
        for version in [SPIRVOptions.Version.v13, .v16] {
            try Validator.expectValid(kernel, SPIRVOptions(version: version))
        }
    }
}
#endif
