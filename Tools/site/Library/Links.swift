// What DocC made is looked at once more: each link within the site leads to a page, each picture is there.

import Foundation

/// The files of a site.
public struct Links {
    private let root: String

    /// - Parameter root: the folder that `docc convert` wrote.
    public init(root: String) { self.root = root }

    /// Looks at every page.
    /// - Returns: how many pages and links within the site there are, and what leads nowhere.
    /// - Throws: when a page cannot be read.
    public func check() throws -> (pages: Int, links: Int, dead: [String]) {
        var pages = 0
        var links = 0
        var dead: Set<String> = []
        guard FileManager.default.fileExists(atPath: "\(root)/data"),
            let files = FileManager.default.enumerator(atPath: "\(root)/data")
        else {
            throw SiteError("\(root): no site (make docs makes it)")
        }
        for case let file as String in files where file.hasSuffix(".json") {
            pages += 1
            let data = try Data(contentsOf: URL(fileURLWithPath: "\(root)/data/\(file)"))
            let page = try JSONSerialization.jsonObject(with: data) as? [String: Any]
            for case let reference as [String: Any] in (page?["references"] as? [String: Any] ?? [:]).values {
                var targets: [String] = []
                if let url = reference["url"] as? String, url.hasPrefix("/") {
                    let path = url.prefix { $0 != "#" }
                    targets.append("data\(path).json")
                    targets.append("\(path.dropFirst())/index.html")
                }
                for case let variant as [String: Any] in reference["variants"] as? [Any] ?? [] {
                    if let url = variant["url"] as? String, url.hasPrefix("/") {
                        targets.append(String(url.dropFirst()))
                    }
                }
                links += targets.count
                for target in targets where !FileManager.default.fileExists(atPath: "\(root)/\(target)") {
                    dead.insert("\(file): \(target)")
                }
            }
        }
        return (pages, links, dead.sorted())
    }
}
