// VARIANT=name: a lab with other constants, chosen by the name, so that a solution of last year's is not this year's.

import Foundation

extension Lab {
    /// A constant of a lab that another value can stand for.
    public struct Constant: Decodable, Sendable {
        public let name: String
        /// The first one is the tree's own.
        public let values: [String]
        /// Where it stands.
        public let places: [Place]

        public struct Place: Decodable, Sendable {
            /// From the project's folder.
            public let file: String
            /// Text of the file with `{}` where the value stands; all of its places are changed.
            public let find: String
            /// What stands here for each of the constant's values; without it the value itself.
            public let values: [String]?
        }

        private func choice(for variant: String) -> Int {
            let hash = fnv1a("\(name)/\(variant)")
            return 1 + Int((hash ^ hash >> 32) % UInt64(values.count - 1))
        }

        /// The value that a name chooses: never the tree's own.
        public func value(for variant: String) -> String { values[choice(for: variant)] }

        /// A place's text with one of the constant's values.
        public func text(of place: Place, value index: Int) -> String {
            place.find.replacing("{}", with: (place.values ?? values)[index])
        }

        /// A file's text with the value of a variant.
        /// - Throws: LabError when the text does not stand in the file.
        func replace(in text: String, of file: String, for variant: String) throws -> String {
            var text = text
            for place in places where place.file == file {
                let old = self.text(of: place, value: 0)
                guard text.contains(old) else {
                    throw LabError("\(file) does not hold \"\(old)\", the constant \(name)")
                }
                text = text.replacing(old, with: self.text(of: place, value: choice(for: variant)))
            }
            return text
        }
    }

    /// A file's text with the constants of a variant; as it is without one.
    func varied(_ text: String, of file: String, _ variant: String?) throws -> String {
        guard let variant else { return text }
        return try (constants ?? []).reduce(text) { try $1.replace(in: $0, of: file, for: variant) }
    }
}

extension Tree {
    /// Gives a tree the constants of a variant. The lab's own data may be among them: read it again after this.
    public func vary(_ lab: Lab, _ variant: String) throws {
        guard let constants = lab.constants else {
            throw LabError("VARIANT=\(variant): lab \(lab.name) has no constants that can be changed")
        }
        for path in Set(constants.flatMap(\.places).map(\.file)) {
            try Data(lab.varied(try text(path), of: path, variant).utf8).write(to: file(path))
        }
    }
}
