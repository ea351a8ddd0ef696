// Heterodyne: compares a device's output with the oracle, element by element.
// SPDX-License-Identifier: Apache-2.0

import HeterodyneBackend
import HeterodyneGraph

/// Compares one output of a device with the oracle.
struct Comparison {
    let metric: Metric
    let limits: ErrorLimits
    /// The output's name, for messages.
    let name: String

    /// Compares bits. `alternative` is another right answer: that of a device which takes subnormal numbers as zero.
    func exact(_ actual: Literal, _ expected: Literal, alternative: Literal?) -> Deviation {
        let type = actual.type.scalarType
        let format = FloatFormat(type)
        return compare(actual) { index, bits in
            let (found, wanted) = (type.number(fromBits: bits), type.number(fromBits: expected.bits(at: index)))
            var allowed = [expected.bits(at: index)]
            if let alternative { allowed.append(alternative.bits(at: index)) }
            var isRight = allowed.contains(bits)
            for candidate in allowed where type.isFloatingPoint && !isRight {
                let number = type.number(fromBits: candidate)
                let isFlushed = limits.allowsFlushing && found == 0 && isSubnormal(number, format)
                isRight = (number.isNaN && found.isNaN) || isFlushed
            }
            return Element(
                isRight: isRight, distance: isRight ? 0 : difference(found, wanted), allowed: 0, found: found,
                wanted: wanted)
        }
    }

    /// Compares with float64 results; at most `limit` units in the last place.
    func ulp(_ actual: Literal, _ expected: Literal, alternative: Literal?, limit: Double) -> Deviation {
        let type = actual.type.scalarType
        guard let format = FloatFormat(type) else { return exact(actual, expected, alternative: alternative) }
        // The oracle has been rounded itself where the type is as wide as the oracle.
        let allowedULP = limit * (1 + 0x1p-10) + (type == .float64 && limit > 0.5 ? 0.5 : 0)
        return compare(actual) { index, bits in
            let found = type.number(fromBits: bits)
            var best: Element?
            for candidate in [expected, alternative].compactMap({ $0?.bits(at: index) }) {
                let wanted = Double(bits: candidate)
                let unit = format.unitInLastPlace(of: wanted)
                let distance = format.distance(found, from: wanted)
                let isFlushed = limits.allowsFlushing && found == 0 && isSubnormal(wanted, format)
                let hasSign = found != 0 || wanted != 0 || found.sign == wanted.sign
                let isRight = (distance.isFinite && distance <= allowedULP * unit && hasSign) || isFlushed
                let element = Element(
                    isRight: isRight, distance: isFlushed ? 0 : distance, allowed: allowedULP * unit, found: found,
                    wanted: wanted)
                if best == nil || (isRight && best?.isRight == false) { best = element }
            }
            return best ?? Element(isRight: false, distance: .infinity, allowed: 0, found: found, wanted: .nan)
        }
    }

    /// Compares with float64 results and a bound for each element; or, for integers and bools, with the definition's
    /// results except where they are in doubt. Of several answers the one counts that is right, or else the first.
    func bound(_ actual: Literal, _ answers: [(expected: Literal, margin: Literal)]) -> Deviation {
        let elements = answers.map { bound(actual.type.scalarType, $0.expected, margin: $0.margin) }
        return compare(actual) { index, bits in
            var first: Element?
            for element in elements {
                guard let result = element(index, bits) else { return nil }
                if result.isRight { return result }
                first = first ?? result
            }
            return first
        }
    }

    private func bound(
        _ type: ScalarType, _ expected: Literal, margin: Literal
    ) -> (Int, UInt64) -> Element? {
        guard let format = FloatFormat(type) else {
            return { index, bits in
                if margin.bits(at: index) != 0 { return nil }
                let (found, wanted) = (type.number(fromBits: bits), type.number(fromBits: expected.bits(at: index)))
                let isRight = bits == expected.bits(at: index)
                return Element(
                    isRight: isRight, distance: isRight ? 0 : difference(found, wanted), allowed: 0, found: found,
                    wanted: wanted)
            }
        }
        return { index, bits in
            let (found, wanted) = (type.number(fromBits: bits), Double(bits: expected.bits(at: index)))
            // In float64 the oracle is as far from the exact result as the device may be.
            let allowed = Double(bits: margin.bits(at: index)) * (type == .float64 ? 2 : 1)
            if allowed == .infinity || (allowed.isNaN && !wanted.isNaN) { return nil }
            let distance = format.distance(found, from: wanted)
            // A result beyond the largest number may round to it or to infinity.
            let limit = max(allowed, type == .float64 ? 0 : 0.5 * format.unitInLastPlace(of: wanted))
            let isNear = distance.isFinite && distance <= limit * (1 + 0x1p-20)
            let isRight = wanted.isNaN ? found.isNaN : isNear
            return Element(isRight: isRight, distance: distance, allowed: limit, found: found, wanted: wanted)
        }
    }

    private struct Element {
        let isRight: Bool
        let distance: Double
        let allowed: Double
        let found: Double
        let wanted: Double
    }

    private func compare(_ actual: Literal, _ element: (Int, UInt64) -> Element?) -> Deviation {
        var deviation = Deviation()
        let type = actual.type.scalarType
        let format = FloatFormat(type)
        for index in 0..<((try? actual.type.elementCount()) ?? 0) {
            let bits = actual.bits(at: index)
            guard let result = element(index, bits) else {
                deviation.unboundedCount += 1
                continue
            }
            deviation.count += 1
            if type == .bool && bits > 1 && deviation.failure == nil {
                deviation.failure = "\(name)[\(index)] is byte \(bits); a bool is 0 or 1"
            }
            let units = result.distance == 0 ? 0 : result.distance / (format?.unitInLastPlace(of: result.wanted) ?? 1)
            deviation.ulp = max(deviation.ulp, units)
            if result.isRight {
                if result.allowed > 0 { deviation.ratio = max(deviation.ratio, result.distance / result.allowed) }
            } else {
                deviation.ratio = max(
                    deviation.ratio, result.allowed > 0 ? result.distance / result.allowed : .infinity)
                if deviation.failure == nil {
                    let unit = format?.unitInLastPlace(of: result.wanted) ?? 1
                    deviation.failure =
                        "\(name)[\(index)] is \(Self.text(result.found)) where \(Self.text(result.wanted)) is right "
                        + "(off by \(units) units in the last place, allowed \(result.allowed / unit))"
                }
            }
            if result.wanted.isFinite && result.found.isFinite {
                let difference = result.found - result.wanted
                deviation.squaredError += difference * difference
                deviation.squaredNorm += result.wanted * result.wanted
            }
        }
        deviation.normalizedMeanSquare =
            deviation.squaredNorm > 0 ? deviation.squaredError / deviation.squaredNorm : 0
        return deviation
    }

    /// The number, NaN without a sign.
    private static func text(_ number: Double) -> String { number.isNaN ? "nan" : "\(number)" }

    private func isSubnormal(_ number: Double, _ format: FloatFormat?) -> Bool {
        guard let format else { return false }
        return number != 0 && number.magnitude < format.smallestNormal
    }

    private func difference(_ a: Double, _ b: Double) -> Double {
        let distance = (a - b).magnitude
        return distance.isNaN || distance == 0 ? .infinity : distance
    }
}

extension Double {
    fileprivate init(bits: UInt64) { self.init(bitPattern: bits) }
}
