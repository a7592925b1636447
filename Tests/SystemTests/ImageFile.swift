// A disk image of a test's own, with all programs, and what a test puts beside them.

import Foundation
import Testing

final class ImageFile {
    static let mkfs = "build/tools/release/mkfs"

    let url = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString).img")

    /// - Parameters:
    ///   - options: those of mkfs.
    ///   - files: more files, as mkfs takes them: NAME=PATH.
    init(_ options: [String] = [], files: [String] = []) throws {
        let names = try FileManager.default.contentsOfDirectory(
            atPath: projectFolder.appendingPathComponent("build/programs").path)
        let command = [Self.mkfs] + options + [url.path] + files + names.map { "build/programs/\($0)" }
        let result = try runOnHost(command)
        #expect(result.status == 0, "\(result.output)")
    }

    /// An image with a file of these bytes.
    convenience init(_ name: String, _ bytes: [UInt8]) throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("swiftlet-\(UUID().uuidString)")
        try Data(bytes).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try self.init(files: ["\(name)=\(file.path)"])
    }

    deinit { try? FileManager.default.removeItem(at: url) }
}
