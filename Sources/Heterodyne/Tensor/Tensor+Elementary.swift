// Heterodyne: elementary functions of tensors and conversions between scalar types.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph
import HeterodyneOps

extension Tensor {
    /// `|x|`; integers wrap.
    public func abs(file: String = #fileID, line: Int = #line) -> Tensor {
        map("abs", file: file, line: line) { (x) throws(GraphError) in try x.abs() }
    }
    /// The largest integer not above each element.
    public func floor(file: String = #fileID, line: Int = #line) -> Tensor {
        map("floor", file: file, line: line) { (x) throws(GraphError) in try x.floor() }
    }
    /// The smallest integer not below each element.
    public func ceil(file: String = #fileID, line: Int = #line) -> Tensor {
        map("ceil", file: file, line: line) { (x) throws(GraphError) in try x.ceil() }
    }
    /// The nearest integer, ties to even.
    public func roundEven(file: String = #fileID, line: Int = #line) -> Tensor {
        map("roundEven", file: file, line: line) { (x) throws(GraphError) in try x.roundEven() }
    }
    /// -1, 0 or 1; NaN stays.
    public func sign(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sign", file: file, line: line) { (x) throws(GraphError) in try x.sign() }
    }
    /// `e^x`.
    public func exp(file: String = #fileID, line: Int = #line) -> Tensor {
        map("exp", file: file, line: line) { (x) throws(GraphError) in try x.exp() }
    }
    /// `e^x - 1`, accurate near zero.
    public func expm1(file: String = #fileID, line: Int = #line) -> Tensor {
        map("expm1", file: file, line: line) { (x) throws(GraphError) in try x.expm1() }
    }
    /// The natural logarithm.
    public func log(file: String = #fileID, line: Int = #line) -> Tensor {
        map("log", file: file, line: line) { (x) throws(GraphError) in try x.log() }
    }
    /// `log(1 + x)`, accurate near zero.
    public func log1p(file: String = #fileID, line: Int = #line) -> Tensor {
        map("log1p", file: file, line: line) { (x) throws(GraphError) in try x.log1p() }
    }
    /// The square root.
    public func sqrt(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sqrt", file: file, line: line) { (x) throws(GraphError) in try x.sqrt() }
    }
    /// `1 / sqrt(x)`.
    public func rsqrt(file: String = #fileID, line: Int = #line) -> Tensor {
        map("rsqrt", file: file, line: line) { (x) throws(GraphError) in try x.rsqrt() }
    }
    /// `1 / x`.
    public func reciprocal(file: String = #fileID, line: Int = #line) -> Tensor {
        map("reciprocal", file: file, line: line) { (x) throws(GraphError) in try x.reciprocal() }
    }
    /// `x · x`.
    public func square(file: String = #fileID, line: Int = #line) -> Tensor {
        map("square", file: file, line: line) { (x) throws(GraphError) in try x.square() }
    }
    /// The sine of radians.
    public func sin(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sin", file: file, line: line) { (x) throws(GraphError) in try x.sin() }
    }
    /// The cosine of radians.
    public func cos(file: String = #fileID, line: Int = #line) -> Tensor {
        map("cos", file: file, line: line) { (x) throws(GraphError) in try x.cos() }
    }
    /// The tangent of radians.
    public func tan(file: String = #fileID, line: Int = #line) -> Tensor {
        map("tan", file: file, line: line) { (x) throws(GraphError) in try x.tan() }
    }
    /// The inverse sine.
    public func asin(file: String = #fileID, line: Int = #line) -> Tensor {
        map("asin", file: file, line: line) { (x) throws(GraphError) in try x.asin() }
    }
    /// The inverse cosine.
    public func acos(file: String = #fileID, line: Int = #line) -> Tensor {
        map("acos", file: file, line: line) { (x) throws(GraphError) in try x.acos() }
    }
    /// The inverse tangent.
    public func atan(file: String = #fileID, line: Int = #line) -> Tensor {
        map("atan", file: file, line: line) { (x) throws(GraphError) in try x.atan() }
    }
    /// The hyperbolic sine.
    public func sinh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sinh", file: file, line: line) { (x) throws(GraphError) in try x.sinh() }
    }
    /// The hyperbolic cosine.
    public func cosh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("cosh", file: file, line: line) { (x) throws(GraphError) in try x.cosh() }
    }
    /// The hyperbolic tangent.
    public func tanh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("tanh", file: file, line: line) { (x) throws(GraphError) in try x.tanh() }
    }
    /// The inverse hyperbolic sine.
    public func asinh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("asinh", file: file, line: line) { (x) throws(GraphError) in try x.asinh() }
    }
    /// The inverse hyperbolic cosine.
    public func acosh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("acosh", file: file, line: line) { (x) throws(GraphError) in try x.acosh() }
    }
    /// The inverse hyperbolic tangent.
    public func atanh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("atanh", file: file, line: line) { (x) throws(GraphError) in try x.atanh() }
    }
    /// The error function.
    public func erf(file: String = #fileID, line: Int = #line) -> Tensor {
        map("erf", file: file, line: line) { (x) throws(GraphError) in try x.erf() }
    }
    /// Where elements are NaN, as bool.
    public func isNaN(file: String = #fileID, line: Int = #line) -> Tensor {
        map("isNaN", file: file, line: line) { (x) throws(GraphError) in try x.isNaN() }
    }
    /// Where elements are neither infinite nor NaN, as bool.
    public func isFinite(file: String = #fileID, line: Int = #line) -> Tensor {
        map("isFinite", file: file, line: line) { (x) throws(GraphError) in try x.isFinite() }
    }
    /// `1 - erf(x)`, accurate for large `x`.
    public func erfc(file: String = #fileID, line: Int = #line) -> Tensor {
        map("erfc", file: file, line: line) { (x) throws(GraphError) in try x.erfc() }
    }
    /// Where elements are infinite, as bool.
    public func isInfinite(file: String = #fileID, line: Int = #line) -> Tensor {
        map("isInfinite", file: file, line: line) { (x) throws(GraphError) in try x.isInfinite() }
    }
    /// Each element in another scalar type; the tensor itself where it is that type.
    public func convert(_ scalarType: ScalarType, file: String = #fileID, line: Int = #line) -> Tensor {
        self.scalarType == scalarType
            ? self
            : map("convert", file: file, line: line) { (x) throws(GraphError) in try x.convert(scalarType) }
    }
    /// The same bits read as another scalar type of the same width.
    public func bitcast(_ scalarType: ScalarType, file: String = #fileID, line: Int = #line) -> Tensor {
        map("bitcast", file: file, line: line) { (x) throws(GraphError) in try x.bitcast(scalarType) }
    }
}
