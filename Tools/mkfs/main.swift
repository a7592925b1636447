// mkfs: makes disk images for Swiftlet and xv6, renews files in them, and shows what they hold.

import DiskImage
import FileSystem
import Foundation
import SystemInterface

let usage = """
    usage: mkfs [--blocks N] [--inodes N] [--log N] [--double-indirect] IMAGE [FILE | NAME=FILE]...
           mkfs --update IMAGE [FILE | NAME=FILE]...
           mkfs --list IMAGE
           mkfs --extract IMAGE NAME

    Makes IMAGE, an xv6 file system, with each FILE in its root directory under its last path component, or under NAME.
      --blocks N         size in blocks of 1024 bytes (default 8192)
      --inodes N         number of inodes, at most 65536 (default 1024)
      --log N            blocks of the log with its header, at least 13 (default 31; more than 31 is of no use)
      --double-indirect  files up to 65803 blocks instead of 268; xv6 cannot read such an image
      --update           renew these files in an existing image, where they differ, and leave everything else as it is
      --list             print inode, type, links, size and name of what is in the root directory
      --extract          print a file's content
      --help             this text
    """

struct Failure: Error {
    let message: String
    init(_ message: String) { self.message = message }
}

typealias Image = FileSystem<HostPlatform<FileDisk, NoMonitor>>

func platform(_ disk: FileDisk) -> HostPlatform<FileDisk, NoMonitor> {
    HostPlatform(disk) { FileHandle.standardError.write(Data("mkfs: \($0)\n".utf8)) }
}

func explain<R>(_ what: String, _ body: () throws(SystemError) -> R) throws -> R {
    do { return try body() } catch { throw Failure("\(what): \(error.message)") }
}

func mount(_ path: String) throws -> Image {
    let disk = try FileDisk(path, writable: true)
    return try explain(path) { () throws(SystemError) in try Image.mount(platform(disk), buffers: 512, inodes: 64) }
}

/// A file to put into the image, as the command line names it.
struct Entry {
    let name: String
    let content: [UInt8]

    init(_ argument: String) throws {
        let parts = argument.split(separator: "=", maxSplits: 1)
        let path = parts.count == 2 ? String(parts[1]) : argument
        name = parts.count == 2 ? String(parts[0]) : (path as NSString).lastPathComponent
        guard !name.isEmpty, name.utf8.count <= Limit.name, !name.contains("/"), name != ".", name != ".." else {
            throw Failure("\(argument): \"\(name)\" cannot be a name in the image (1 to \(Limit.name) bytes, no slash)")
        }
        guard let data = FileManager.default.contents(atPath: path) else { throw Failure("\(path): cannot be read") }
        content = Array(data)
    }
}

func add(_ entries: [Entry], to image: Image) throws {
    for entry in entries {
        guard UInt64(entry.content.count) <= image.layout.mostFileBytes else {
            throw Failure("\(entry.name): \(entry.content.count) bytes, but a file of this image may have \(image.layout.mostFileBytes)")
        }
        if let old = try? image.contents(of: "/" + entry.name), old == entry.content { continue }
        try explain(entry.name) { () throws(SystemError) in try image.write(entry.content, to: "/" + entry.name) }
    }
    try explain("the log") { () throws(SystemError) in try image.synchronize() }
}

func list(_ image: Image) throws {
    try explain("/") { () throws(SystemError) in
        for (name, number) in try image.entries(of: "/") {
            let status = try image.fromRoot { root throws(SystemError) in
                let inode = try image.lookUp(Array(name.utf8).span, from: root)
                return try image.status(inode)
            }
            print(number, status.type, status.linkCount, status.size, name, separator: "\t")
        }
    }
}

func run(_ arguments: [String]) throws {
    var blocks: UInt32 = 8192
    var inodes: UInt32 = 1024
    var log: UInt32 = 31
    var doubleIndirect = false
    var mode = "make"
    var operands: [String] = []
    var rest = arguments[...]
    while let argument = rest.popFirst() {
        func number() throws -> UInt32 {
            guard let text = rest.popFirst(), let value = UInt32(text) else { throw Failure("\(argument) needs a number") }
            return value
        }
        switch argument {
        case "--help", "-h": return print(usage)
        case "--blocks": blocks = try number()
        case "--inodes": inodes = try number()
        case "--log": log = try number()
        case "--double-indirect": doubleIndirect = true
        case "--update", "--list", "--extract": mode = argument
        case "--": operands += rest; rest = []
        case _ where argument.hasPrefix("-"): throw Failure("unknown option \(argument)\n\(usage)")
        default: operands.append(argument)
        }
    }
    guard let path = operands.first else { throw Failure("which image?\n\(usage)") }
    let names = operands.dropFirst()
    switch mode {
    case "--list":
        try list(mount(path))
    case "--extract":
        guard names.count == 1, let name = names.first else { throw Failure("--extract takes an image and one name") }
        let image = try mount(path)
        FileHandle.standardOutput.write(Data(try explain(name) { () throws(SystemError) in try image.contents(of: name) }))
    case "--update":
        let entries = try names.map(Entry.init)
        try add(entries, to: mount(path))
    default:
        guard let layout = DiskLayout(blocks: blocks, inodes: inodes, log: log, doubleIndirect: doubleIndirect) else {
            throw Failure("no file system has \(blocks) blocks, \(inodes) inodes and a log of \(log) blocks (see --help)")
        }
        let entries = try names.map(Entry.init)
        // Under another name until it is complete, so that a failure leaves no half image.
        let unfinished = path + ".unfinished"
        defer { unlink(unfinished) }
        let disk = try FileDisk(unfinished, writable: true, blocks: blocks)
        try explain(path) { () throws(SystemError) in try Image.format(platform(disk), layout) }
        try add(entries, to: mount(unfinished))
        guard rename(unfinished, path) == 0 else { throw HostError(path, errno) }
    }
}

do {
    try run(Array(CommandLine.arguments.dropFirst()))
} catch {
    let message = (error as? Failure)?.message ?? "\(error)"
    FileHandle.standardError.write(Data("mkfs: \(message)\n".utf8))
    exit(1)
}
