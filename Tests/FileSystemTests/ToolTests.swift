// mkfs and fsck as a user runs them.

import Foundation
import TestSupport
import Testing

@Suite struct ToolTests {
    /// A folder of its own, gone afterwards.
    private final class Folder {
        let path = NSTemporaryDirectory() + "/swiftlet-" + UUID().uuidString
        init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ content: [UInt8]) -> String {
            let file = path + "/" + name
            #expect(FileManager.default.createFile(atPath: file, contents: Data(content)))
            return file
        }
    }

    private func run(_ tool: String, _ arguments: String...) throws -> (status: Int32, output: Data, messages: String) {
        try run(tool, arguments)
    }

    private func run(_ tool: String, _ arguments: [String]) throws -> (status: Int32, output: Data, messages: String) {
        // The tools are built beside the tests.
        let tool = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent(tool)
        let folder = try Folder()
        let child = try Child([tool.path] + arguments, errors: .file(folder.path + "/messages"))
        let (status, output) = try child.finish(seconds: 60)
        let messages = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/messages"))
        return (status, Data(output), String(decoding: messages, as: UTF8.self))
    }

    @Test func mkfsPutsFilesInAndTakesThemOut() throws {
        let folder = try Folder()
        let image = folder.path + "/fs.img"
        let a = folder.write("a.txt", pattern(100_000))
        let b = folder.write("b", pattern(5))
        #expect(try run("mkfs", image, a, "other=" + b).status == 0)
        #expect(try FileManager.default.attributesOfItem(atPath: image)[.size] as? Int == 8192 * 1024)
        let list = try run("mkfs", "--list", image)
        #expect(
            String(decoding: list.output, as: UTF8.self)
                == "1\t1\t1\t64\t.\n1\t1\t1\t64\t..\n2\t2\t1\t100000\ta.txt\n3\t2\t1\t5\tother\n")
        #expect(try Array(run("mkfs", "--extract", image, "a.txt").output) == pattern(100_000))
        #expect(try run("fsck", image).status == 0)
        let header = try Array(Data(contentsOf: URL(fileURLWithPath: image))[2048..<2052])
        #expect(header == [0, 0, 0, 0])
    }

    /// Names of another's image do not steer the terminal.
    @Test func namesAreListedWithoutControlCharacters() throws {
        let folder = try Folder()
        let image = folder.path + "/fs.img"
        let file = folder.write("f", [1])
        #expect(try run("mkfs", image, "a\u{1b}[7m\u{7f}=" + file, "\u{e4}\u{9b}=" + file).status == 0)
        let list = String(decoding: try run("mkfs", "--list", image).output, as: UTF8.self)
        #expect(list.contains("\ta?[7m?\n") && list.contains("\t\u{e4}?\n"), "\(list)")
    }

    @Test func updateRenewsWhatChangedAndLeavesTheRest() throws {
        let folder = try Folder()
        let image = folder.path + "/fs.img"
        _ = folder.write("old", pattern(3000))
        #expect(try run("mkfs", image, folder.path + "/old", folder.write("same", pattern(50))).status == 0)
        let before = try Data(contentsOf: URL(fileURLWithPath: image))
        #expect(try run("mkfs", "--update", image, folder.path + "/old", folder.path + "/same").status == 0)
        #expect(try Data(contentsOf: URL(fileURLWithPath: image)) == before)
        let new = folder.write("old", pattern(70_000, seed: 2))
        #expect(try run("mkfs", "--update", image, new, folder.write("more", [1])).status == 0)
        #expect(try Array(run("mkfs", "--extract", image, "old").output) == pattern(70_000, seed: 2))
        #expect(try Array(run("mkfs", "--extract", image, "same").output) == pattern(50))
        #expect(try Array(run("mkfs", "--extract", image, "more").output) == [1])
        #expect(try run("fsck", "-q", image).output.isEmpty)
    }

    @Test func mkfsSaysWhatIsWrongAndLeavesNoHalfImage() throws {
        let folder = try Folder()
        let image = folder.path + "/fs.img"
        let big = folder.write("big", pattern(274_433))
        let other = folder.write("f", pattern(30_000))
        for arguments in [
            [big], ["--blocks", "60", "--inodes", "32", other], ["nope"], ["a-name-too-long=" + other],
            ["a/b=" + other],
            ["--blocks", "x"], ["--log", "12"], ["--what"],
        ] {
            let result = try run("mkfs", [image] + arguments)
            #expect(result.status == 1, "\(arguments)")
            #expect(result.messages.hasPrefix("mkfs: "))
            #expect(!FileManager.default.fileExists(atPath: image))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["big", "f"])
        #expect(try run("mkfs", "--double-indirect", image, big).status == 0)
        #expect(try run("mkfs", "--help").status == 0)
        #expect(try run("mkfs").status == 1)
    }

    @Test func fsckHasTheExitStatusOfFsck8() throws {
        let folder = try Folder()
        let image = folder.path + "/fs.img"
        #expect(try run("mkfs", "--blocks", "200", "--inodes", "64", image).status == 0)
        #expect(try run("fsck", image).status == 0)
        var bytes = try Array(Data(contentsOf: URL(fileURLWithPath: image)))
        bytes[38 * 1024 + 20] = 1
        let damaged = folder.write("damaged.img", bytes)
        let result = try run("fsck", damaged)
        #expect(result.status == 4)
        #expect(
            String(decoding: result.output, as: UTF8.self).contains(
                "block 160: the bitmap says in use, but nothing uses the block"))
        #expect(try run("fsck", folder.path + "/nope").status == 8)
        #expect(try run("fsck", image, damaged, folder.path + "/nope").status == 12)
        #expect(try run("fsck").status == 16)
        #expect(try run("fsck", "--help").status == 0)
    }
}
