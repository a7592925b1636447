import Foundation

/// Why no site was made: what is wrong, in which file.
public struct SiteError: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
}
