// Heterodyne: how composites write their attributes to lists and read them back.
// SPDX-License-Identifier: Apache-2.0

public import HeterodyneGraph

/// A composite that reads its attributes one by one; what it does not read is refused as unknown.
public protocol AttributedComposite: Composite {
    /// Reads every attribute. Throws `invalidAttribute` for missing and malformed ones.
    init(_ reader: inout AttributeReader) throws(GraphError)
}

extension AttributedComposite {
    /// The value with the given attributes. Throws `invalidAttribute` for missing, unknown or malformed ones.
    public init(attributes: Attributes) throws(GraphError) {
        var reader = AttributeReader(attributes, operation: Self.name)
        do throws(GraphError) {
            try self.init(&reader)
            try reader.finish()
        } catch {
            throw error.at(operation: Self.name, location: nil)
        }
    }
}

/// A composite without attributes.
public protocol PlainComposite: AttributedComposite {
    /// The only value.
    init()
}

extension PlainComposite {
    /// None.
    public var attributes: Attributes { [:] }
    /// Reads nothing.
    public init(_ reader: inout AttributeReader) throws(GraphError) { self.init() }
}

/// Attributes that several composites share.
public protocol CompositeSettings: Sendable, Hashable {
    /// The attributes as data.
    var attributes: Attributes { get }
    /// Reads every attribute. Throws `invalidAttribute` for missing and malformed ones.
    init(_ reader: inout AttributeReader) throws(GraphError)
}

/// A composite whose attributes are those of a settings value.
public protocol SettingsComposite: AttributedComposite {
    /// What holds the attributes.
    associatedtype Settings: CompositeSettings
    /// The attributes.
    var settings: Settings { get }
    /// The composite with `settings`.
    init(_ settings: Settings)
}

extension SettingsComposite {
    /// Those of the settings.
    public var attributes: Attributes { settings.attributes }
    /// Reads the settings.
    public init(_ reader: inout AttributeReader) throws(GraphError) { self.init(try Settings(&reader)) }
}

extension Attributes {
    /// The attributes of `a`, then those of `b`, whose names are others.
    static func + (a: Attributes, b: Attributes) -> Attributes {
        b.entries.reduce(into: a) { $0.set($1.name, $1.value) }
    }
}
