// Heterodyne: elementary functions and activations of tensors.
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
    /// `e^x`.
    public func exp(file: String = #fileID, line: Int = #line) -> Tensor {
        map("exp", file: file, line: line) { (x) throws(GraphError) in try x.exp() }
    }
    /// The natural logarithm.
    public func log(file: String = #fileID, line: Int = #line) -> Tensor {
        map("log", file: file, line: line) { (x) throws(GraphError) in try x.log() }
    }
    /// The square root.
    public func sqrt(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sqrt", file: file, line: line) { (x) throws(GraphError) in try x.sqrt() }
    }
    /// The sine of radians.
    public func sin(file: String = #fileID, line: Int = #line) -> Tensor {
        map("sin", file: file, line: line) { (x) throws(GraphError) in try x.sin() }
    }
    /// The cosine of radians.
    public func cos(file: String = #fileID, line: Int = #line) -> Tensor {
        map("cos", file: file, line: line) { (x) throws(GraphError) in try x.cos() }
    }
    /// The hyperbolic tangent.
    public func tanh(file: String = #fileID, line: Int = #line) -> Tensor {
        map("tanh", file: file, line: line) { (x) throws(GraphError) in try x.tanh() }
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
