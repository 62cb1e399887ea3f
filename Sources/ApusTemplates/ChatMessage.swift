import ApusBase

/// One message of a conversation, as chat templates see it: a role, a content, and whatever else the model knows.
public struct ChatMessage: Sendable, Equatable {
    /// For example `system`, `user`, `assistant` or `tool`.
    public var role: String
    /// A string, an array of parts such as `{"type": "text", "text": …}`, or null.
    public var content: TemplateValue
    /// Further members in their order, for example `tool_calls`, `tool_call_id`, `name` or `reasoning_content`.
    public var fields: TemplateObject

    /// A message from its parts; `content` may be a literal: `ChatMessage(role: "user", content: "Hello")`.
    public init(role: String, content: TemplateValue, fields: TemplateObject = TemplateObject()) {
        self.role = role
        self.content = content
        self.fields = fields
    }

    /// Reads a message from its JSON object, which needs the string `role`; an absent `content` is null.
    public init(_ json: JSON, subject: String = "message") throws(InputError) {
        guard let object = json.object else {
            throw InputError(subject, "a chat message must be an object but is \(json.kind)")
        }
        guard let role = object["role"]?.string else {
            throw InputError(subject, at: "role", "a chat message needs a role that is a string")
        }
        let others = object.members.filter { $0.key != "role" && $0.key != "content" }
        self.init(
            role: role, content: object["content"].map { TemplateValue($0) } ?? .null,
            fields: TemplateObject(others.map { ($0.key, TemplateValue($0.value)) }))
    }

    /// The message as a template reads it. Reasoning is passed as `reasoning_content`, whatever name it came under,
    /// and as `thinking` unless that is there, since templates differ in the name they read.
    var value: TemplateValue {
        var members: [(String, TemplateValue)] = [("role", .string(role)), ("content", content)]
        members += fields.members.map { ($0.key, $0.value) }
        let given = ["reasoning_content", "thinking", "reasoning"].lazy.compactMap { name in
            fields.members.last { $0.key == name && $0.value != .null }?.value
        }.first
        if let given {
            members.insert(("thinking", given), at: 0)
            members.append(("reasoning_content", given))
        }
        return .object(TemplateObject(members))
    }
}
