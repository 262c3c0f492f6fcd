"""Potato with the same survey: its configuration, made from the spec."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_project(spec: dict[str, Any], folder: Path) -> Path:
    """Write what Potato serves: items, phases, settings; give the settings' file."""
    folder.mkdir(parents=True)
    items = [{"id": one["code"], "text": shown(one), **one} for one in spec["items"]]
    (folder / "items.json").write_text("\n".join(json.dumps(one) for one in items), encoding="utf-8")
    pages = {"consent": ["consent"], "demographics": ["age_band", "gender", "country"], "debrief": []}
    for name, groups in pages.items():
        schemes = [radio(group, spec["questions"][group]) for group in groups]
        text = " ".join([spec[name]["heading"], *spec[name]["paragraphs"]])
        if schemes:
            schemes[0]["description"] = f"{text} {schemes[0]['description']}"
        else:
            schemes = [radio("passed", {"legend": text, "options": [["yes", "I have read this"]]})]
        (folder / f"{name}.json").write_text(json.dumps(schemes), encoding="utf-8")
    settings = {
        "annotation_task_name": spec["title"],
        "task_dir": ".",
        "output_annotation_dir": "annotation_output",
        "output_annotation_format": "json",
        "data_files": ["items.json"],
        "item_properties": {"id_key": "id", "text_key": "text"},
        "user_config": {"allow_all_users": True, "users": []},
        "login": {"type": "url_direct", "url_argument": "PROLIFIC_PID"},
        "require_password": False,
        "assignment_strategy": "random",
        "max_annotations_per_user": spec["n_items"],
        "max_annotations_per_item": -1,
        "annotation_schemes": [
            radio(asked, {"legend": legend, "options": [["culture", "Follow it"], ["preference", "Do as preferred"]]})
            for asked, legend in (
                ("personal", "What would you personally do?"),
                ("norm", "What would most people in this situation consider appropriate?"),
            )
        ],
        "phases": {
            "order": ["consent", "prestudy", "annotation", "poststudy"],
            "consent": {"type": "consent", "file": "consent.json"},
            "prestudy": {"type": "prestudy", "file": "demographics.json"},
            "annotation": {"type": "annotation"},
            "poststudy": {"type": "poststudy", "file": "debrief.json"},
        },
        "site_dir": "default",
        "secret_key": "for-the-bench-only",
        "debug": False,
    }
    path = folder / "config.yaml"
    path.write_text(json.dumps(settings, indent=1), encoding="utf-8")  # JSON is YAML
    return path


def shown(item: dict[str, str]) -> str:
    """Give what stands above the two questions; the two ways to answer are among it, as labels are the same for all."""
    said = [item[key] for key in ("scenario", "expectation", "preference_text")]
    return " ".join([*said, f"Follow it: {item['culture']}.", f"Do as preferred: {item['preference']}."])


def radio(name: str, question: dict[str, Any]) -> dict[str, Any]:
    return {
        "annotation_type": "radio",
        "name": name,
        "description": question["legend"],
        "labels": [value for value, _ in question["options"]],
        "label_requirement": {"required": True},
    }


def n_answers(state: Path) -> int:
    """Count the answers to items in what Potato keeps of one person."""
    stored = json.loads(state.read_text(encoding="utf-8"))["instance_id_to_label_to_value"]
    return sum(len(labels) for labels in stored.values())
